package postgres

import (
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

const (
	// wakesPerSecond and wakeBurst bound how often notifications of one channel wake subscribers at once.
	wakesPerSecond, wakeBurst = 50, 50
	// wakePause is how long the notifications beyond are gathered, to wake subscribers once for all of them.
	wakePause = 50 * time.Millisecond
)

// wakeLimit bounds how often the notifications of a channel wake those who listen, each of whom then asks the database: whoever may
// connect to it can send any number. None is lost, and none waits for longer than wakePause.
type wakeLimit struct {
	each *rate.Limiter
	// due is whether notifications are being gathered.
	due atomic.Bool
}

func newWakeLimits(channels ...string) map[string]*wakeLimit {
	limits := make(map[string]*wakeLimit, len(channels))
	for _, channel := range channels {
		limits[channel] = &wakeLimit{each: rate.NewLimiter(wakesPerSecond, wakeBurst)}
	}
	return limits
}

// wakeSoon wakes the subscribers of a channel with the payload of a notification, or with an empty one, for any, soon.
func (l *listener) wakeSoon(channel, payload string) {
	limit, known := l.limits[channel]
	switch {
	case !known:
	case limit.each.Allow():
		l.wakeSubscribers(channel, payload)
	case limit.due.CompareAndSwap(false, true):
		time.AfterFunc(wakePause, func() {
			limit.due.Store(false)
			l.wakeSubscribers(channel, "")
		})
	}
}
