package secrets

import (
	"context"
	"time"

	"github.com/go-logr/logr"

	"github.com/lectern-dev/lectern/internal/seal"
)

// The keys of the intake Secret.
const (
	PrivateKey = "private.json"
	PublicKey  = "public.json"
)

// IntakeReadInterval is the time between two reads of the intake Secret. Requests that are sealed to a key that is not known yet wait
// for longer than that.
const IntakeReadInterval = 30 * time.Second

// WantIntakeKeys returns the Secret with the pair of keys by which servers hand callers' tokens to the controller.
func WantIntakeKeys(name string) Wanted {
	return Wanted{Name: name, Keys: []string{PrivateKey, PublicKey}, IsOwned: true,
		Make: func(context.Context) (map[string][]byte, map[string]string, error) {
			pair, err := seal.NewKeyPair(nil)
			return map[string][]byte{PrivateKey: pair.Private, PublicKey: pair.Public}, nil, err
		}}
}

// IntakeKeys keeps the private keys those of their Secret. Every replica does: any may lead next.
type IntakeKeys struct {
	Namespace *Namespace
	Secret    string
	Keys      *seal.PrivateKeys
	Interval  time.Duration
	Log       logr.Logger

	version  string
	isBroken bool
}

// NeedLeaderElection lets every replica read.
func (k *IntakeKeys) NeedLeaderElection() bool { return false }

// Start reads the Secret again and again until ctx ends.
func (k *IntakeKeys) Start(ctx context.Context) error {
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
func (k *IntakeKeys) reread(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	secret, err := k.Namespace.Get(ctx, k.Secret)
	if err == nil && secret.ResourceVersion == k.version {
		return
	}
	if err == nil {
		err = k.Keys.Replace(secret.Data[PrivateKey])
	}
	switch {
	case err == nil && k.version != "":
		k.Log.Info("Read the changed intake keys", "Secret", k.Namespace.keyOf(k.Secret), "keys", k.Keys.KeyIDs())
	case err != nil && !k.isBroken:
		k.Log.Error(err, "Cannot read the intake keys again; those read before stay in use", "Secret", k.Namespace.keyOf(k.Secret))
	}
	k.isBroken = err != nil
	if err == nil {
		k.version = secret.ResourceVersion
	}
}
