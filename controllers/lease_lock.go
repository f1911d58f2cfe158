package controllers

import (
	"bytes"
	"context"
	"time"

	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// punctualLock is a Lease that is taken when it runs out. client-go asks for it every retry period and up to 1.2 times that
// later, and so takes it up to 2.2 retry periods late. The rule is client-go's: a Lease that another holds has run out when it
// was not renewed for its duration, by the clock of whoever asks, since they first saw it as it is.
type punctualLock struct {
	resourcelock.Interface
	retryPeriod time.Duration

	seen   []byte
	seenAt time.Time
}

// Get returns the Lease. When another's runs out before client-go would ask again, it waits for that, and returns a Lease that
// was not renewed then as one that nobody holds.
func (l *punctualLock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, remaining, err := l.read(ctx)
	if err != nil || record.HolderIdentity == "" || record.HolderIdentity == l.Identity() {
		return record, l.seen, err
	}
	nextAttempt := time.Duration((1 + leaderelection.JitterFactor) * float64(l.retryPeriod))
	if remaining > nextAttempt {
		return record, l.seen, nil
	}
	end := time.NewTimer(remaining)
	defer end.Stop()
	select {
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	case <-end.C:
	}
	if record, remaining, err = l.read(ctx); err == nil && remaining <= 0 {
		record.HolderIdentity = ""
	}
	return record, l.seen, err
}

// read reads the Lease, and returns how long it is good for if nobody renews it.
func (l *punctualLock) read(ctx context.Context) (*resourcelock.LeaderElectionRecord, time.Duration, error) {
	record, raw, err := l.Interface.Get(ctx)
	if err != nil {
		l.seen = nil
		return nil, 0, err
	}
	if !bytes.Equal(raw, l.seen) {
		l.seen, l.seenAt = raw, time.Now()
	}
	return record, time.Until(l.seenAt.Add(time.Duration(record.LeaseDurationSeconds) * time.Second)), nil
}
