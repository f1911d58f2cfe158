package transport

import (
	"encoding/json"
	"maps"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// notificationWriter takes what is sent during a request: the events of a response, or lines on stdio. It reports
// whether its client is gone; after that it writes nothing.
type notificationWriter interface {
	notify(note mcp.JSONRPCNotification) (gone bool)
	// writeKeepAlive shows that the other side is there, where somebody might doubt it.
	writeKeepAlive() (gone bool)
}

// notifier writes what a handler tells before it answers, in its order and before it goes on: what is told right
// before the answer is written before the answer, and a handler is no faster than its client reads.
type notifier struct {
	out       notificationWriter
	keepAlive time.Duration
	// token is that of progress, level the least of log messages; without one nothing is told.
	token json.RawMessage
	level mcp.LoggingLevel

	mu     sync.Mutex
	alive  *time.Timer
	closed bool
}

// Progress tells the client how far a call is, by the fields of notifications/progress, if it asked to be told.
func (c *Call) Progress(fields map[string]any) {
	if c.notifier == nil || len(c.notifier.token) == 0 || len(fields) == 0 {
		return
	}
	fields = maps.Clone(fields)
	fields["progressToken"] = c.notifier.token // as the client wrote it
	c.notifier.send(newNotification(string(mcp.MethodNotificationProgress), fields))
}

// Log tells the client what happens, if it wants to know of that level (RFC 5424). A newer client says so with
// each call, an older one for its connection.
func (c *Call) Log(level mcp.LoggingLevel, logger string, data any) {
	if c.notifier == nil || c.notifier.level == "" || !level.ShouldSendTo(c.notifier.level) {
		return
	}
	fields := map[string]any{"level": level, "data": data}
	if logger != "" {
		fields["logger"] = logger
	}
	c.notifier.send(newNotification(string(mcp.MethodNotificationMessage), fields))
}

// startNotifier lets a call tell until close: of log messages from a level on where the client is an older one.
func (c *Call) startNotifier(out notificationWriter, keepAlive time.Duration, level mcp.LoggingLevel) *notifier {
	if c.Modern {
		level = "" // said by the call, or by nobody (SEP-2575)
		if len(c.Meta.logLevel) > 0 {
			level, _ = readLevel("", c.Meta.logLevel) // checked before
		}
	}
	c.notifier = &notifier{out: out, keepAlive: keepAlive, token: c.Meta.progressToken, level: level}
	return c.notifier
}

func (n *notifier) send(note mcp.JSONRPCNotification) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	if n.alive == nil {
		n.alive = time.AfterFunc(n.keepAlive, n.keepClientWaiting)
	}
	n.out.notify(note)
}

// keepClientWaiting keeps a response alive that has begun.
func (n *notifier) keepClientWaiting() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.closed && !n.out.writeKeepAlive() {
		n.alive.Reset(n.keepAlive)
	}
}

// close ends what is told: the answer comes next.
func (n *notifier) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	if n.alive != nil {
		n.alive.Stop()
	}
}
