package load

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
)

// follower is a client of a second library, which keeps a stream open and is told of changes of the list.
type follower struct {
	client *client.Client
	http   *http.Client
	// heard has a value after a change was told that nobody took yet.
	heard chan struct{}
}

func newFollower(ctx context.Context, endpoint string, with *http.Client) (*follower, error) {
	c, err := client.NewStreamableHttpClient(endpoint, transport.WithHTTPBasicClient(with), transport.WithHTTPLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return nil, err
	}
	f := &follower{client: c, http: with, heard: make(chan struct{}, 1)}
	if err := c.Start(ctx); err != nil {
		return nil, err
	}
	var hello mcp.InitializeRequest
	hello.Params.ProtocolVersion, hello.Params.ClientInfo = mcp.ProtocolVersion20260728, mcp.Implementation{Name: "follower", Version: "1"}
	if _, err := c.Initialize(ctx, hello); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

func (f *follower) close() {
	_ = f.client.Close()
	f.http.CloseIdleConnections()
}

// followList keeps a stream open until ctx ends. A stream ends with its result, or it failed; the next one is opened at once,
// and the list is read again, which may have changed between the two.
func (l *Load) followList(ctx context.Context, f *follower) {
	f.client.OnNotification(func(note mcp.JSONRPCNotification) {
		if note.Method != string(mcp.MethodNotificationPromptsListChanged) {
			return
		}
		l.mu.Lock()
		l.report.Heard++
		l.mu.Unlock()
		select {
		case f.heard <- struct{}{}:
		default:
		}
	})
	for ctx.Err() == nil {
		began := time.Now()
		err := f.client.Listen(ctx, mcp.SubscriptionFilter{PromptsListChanged: true})
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			l.note(&l.report.reads, time.Since(began), fmt.Errorf("a stream ended without its result: %w", err))
			select { // or a server that is gone would be asked without pause
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		l.mu.Lock()
		l.report.StreamEnds++
		l.mu.Unlock()
		began = time.Now()
		_, err = f.client.ListPrompts(ctx, mcp.ListPromptsRequest{})
		if ctx.Err() == nil {
			l.note(&l.report.reads, time.Since(began), err)
		}
	}
}

// WaitForChange makes a change again and again until every follower heard of one.
func (l *Load) WaitForChange(ctx context.Context, change func(ctx context.Context) error) error {
	for _, f := range l.followers {
		select {
		case <-f.heard: // of before
		default:
		}
	}
	for i, f := range l.followers {
		if err := waitForHeard(ctx, f, change); err != nil {
			return fmt.Errorf("follower %d: %w", i, err)
		}
	}
	return nil
}

func waitForHeard(ctx context.Context, f *follower, change func(ctx context.Context) error) error {
	for {
		if err := change(ctx); err != nil {
			return err
		}
		select {
		case <-f.heard:
			return nil
		case <-ctx.Done():
			return errNotHeard
		case <-time.After(time.Second): // the stream may have been open no more when the change was told
		}
	}
}

var errNotHeard = errors.New("a change of the list was not heard")
