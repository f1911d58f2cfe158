package secrets

import (
	"context"
	"time"

	"github.com/go-logr/logr"
)

// KeyFollower keeps keys those of their Secret. Every replica does: any may lead next.
type KeyFollower struct {
	Namespace *Namespace
	// Secret has the keys, in Key.
	Secret, Key string
	// Replace takes other keys up, and Describe tells the log which they are.
	Replace  func(text []byte) error
	Describe func() []any
	Interval time.Duration
	Log      logr.Logger

	version  string
	isBroken bool
}

// NeedLeaderElection lets every replica read.
func (k *KeyFollower) NeedLeaderElection() bool { return false }

// Start reads the Secret again and again until ctx ends.
func (k *KeyFollower) Start(ctx context.Context) error {
	tick := time.NewTicker(k.Interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			k.reread(ctx)
		}
	}
}

// reread takes changed keys up. While they cannot be read, those of before stay in use.
func (k *KeyFollower) reread(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	secret, err := k.Namespace.Get(ctx, k.Secret)
	if err == nil && secret.ResourceVersion == k.version {
		return
	}
	if err == nil {
		err = k.Replace(secret.Data[k.Key])
	}
	switch {
	case err == nil && k.version != "":
		k.Log.Info("Read the changed keys", append([]any{"Secret", k.Namespace.keyOf(k.Secret)}, k.Describe()...)...)
	case err != nil && !k.isBroken:
		k.Log.Error(err, "Cannot read the keys again; those read before stay in use", "Secret", k.Namespace.keyOf(k.Secret))
	}
	k.isBroken = err != nil
	if err == nil {
		k.version = secret.ResourceVersion
	}
}
