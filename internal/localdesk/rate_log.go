package localdesk

import (
	"context"
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
)

// How far back a log of calls counts: a grant is used within store.RateGrantLifetime, so that the grants of these times bound the
// calls of any 60 seconds and of any 2.
const (
	minuteWindow = time.Minute + store.RateGrantLifetime
	burstWindow  = 2*time.Second + store.RateGrantLifetime
)

// rateLog is when a ServiceDesk Plus was called, by all processes of a user.
type rateLog struct {
	Granted     []time.Time `json:"granted,omitempty"` // in order
	PausedUntil time.Time   `json:"pausedUntil,omitzero"`
}

// take grants at most wanted calls: never more than perMinute in a minuteWindow nor burst in a burstWindow.
func (l *rateLog) take(now time.Time, perMinute, burst, wanted int) store.RateGrant {
	for i, at := range l.Granted {
		if at.After(now) { // of a clock that went back
			l.Granted[i] = now
		}
	}
	slices.SortFunc(l.Granted, time.Time.Compare)
	l.Granted = slices.DeleteFunc(l.Granted, func(at time.Time) bool { return !at.After(now.Add(-minuteWindow)) })
	if l.PausedUntil.After(now.Add(store.MaxRatePause)) {
		l.PausedUntil = now.Add(store.MaxRatePause)
	}
	if rest := l.PausedUntil.Sub(now); rest > 0 {
		return store.RateGrant{RetryAfter: rest, Replicas: 1}
	}
	inBurst := 0
	for _, at := range l.Granted {
		if at.After(now.Add(-burstWindow)) {
			inBurst++
		}
	}
	granted := min(wanted, perMinute-len(l.Granted), burst-inBurst)
	if granted > 0 {
		l.Granted = append(l.Granted, slices.Repeat([]time.Time{now}, granted)...)
		return store.RateGrant{Granted: granted, Replicas: 1}
	}
	var retry time.Duration
	if over := len(l.Granted) - perMinute; over >= 0 {
		retry = l.Granted[over].Add(minuteWindow).Sub(now)
	}
	if over := inBurst - burst; over >= 0 {
		retry = max(retry, l.Granted[len(l.Granted)-inBurst+over].Add(burstWindow).Sub(now))
	}
	return store.RateGrant{RetryAfter: retry, Replicas: 1}
}

// updateRate changes the log of a ServiceDesk Plus. It is lost without harm: a log that cannot be read is one that begins now, and
// replaces what is there.
func (f stateFolder) updateRate(ctx context.Context, name string, change func(*rateLog)) error {
	unlock, err := f.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	logs := map[string]*rateLog{}
	if content, err := readOwnFile(filepath.Join(f.path, ratesName)); err != nil || json.Unmarshal(content, &logs) != nil {
		logs = map[string]*rateLog{}
	}
	now := time.Now()
	maps.DeleteFunc(logs, func(_ string, l *rateLog) bool { return l == nil || l.isOver(now) })
	if logs[name] == nil {
		logs[name] = &rateLog{}
	}
	change(logs[name])
	return f.writeJSON(ratesName, logs, false)
}

// isOver reports whether the log says nothing of what may be called now.
func (l *rateLog) isOver(now time.Time) bool {
	return !now.Before(l.PausedUntil) && (len(l.Granted) == 0 || !l.Granted[len(l.Granted)-1].After(now.Add(-minuteWindow)))
}
