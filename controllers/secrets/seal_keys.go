package secrets

import (
	"context"
	"time"

	"github.com/go-logr/logr"

	"github.com/lectern-dev/lectern/internal/seal"
)

// SealKeyset is the key of the Secret with the keys by which tokens are sealed for servers, who mount it.
const SealKeyset = "keyset.json"

// SealReadInterval is the time between two reads of that Secret.
const SealReadInterval = 30 * time.Second

// WantSealKeys returns the Secret with the keys by which tokens are sealed for servers.
func WantSealKeys(name string) Wanted {
	return Wanted{Name: name, Keys: []string{SealKeyset}, IsOwned: true,
		Make: func(context.Context) (map[string][]byte, map[string]string, error) {
			made, err := seal.NewStorageKeyset()
			return map[string][]byte{SealKeyset: made.Text()}, nil, err
		}}
}

// SealKeys keeps keys those of their Secret. Every replica does: any may lead next.
type SealKeys struct {
	Namespace *Namespace
	Secret    string
	Keys      *seal.StorageKeys
	Interval  time.Duration
	Log       logr.Logger

	version  string
	isBroken bool
}

// NeedLeaderElection lets every replica read.
func (k *SealKeys) NeedLeaderElection() bool { return false }

// Start reads the Secret again and again until ctx ends.
func (k *SealKeys) Start(ctx context.Context) error {
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
func (k *SealKeys) reread(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	secret, err := k.Namespace.Get(ctx, k.Secret)
	if err == nil && secret.ResourceVersion == k.version {
		return
	}
	if err == nil {
		err = k.Keys.Replace(secret.Data[SealKeyset])
	}
	switch {
	case err == nil && k.version != "":
		k.Log.Info("Read the changed seal keys", "Secret", k.Namespace.keyOf(k.Secret), "keys", k.Keys.KeyIDs(), "primary", k.Keys.PrimaryID())
	case err != nil && !k.isBroken:
		k.Log.Error(err, "Cannot read the seal keys again; those read before stay in use", "Secret", k.Namespace.keyOf(k.Secret))
	}
	k.isBroken = err != nil
	if err == nil {
		k.version = secret.ResourceVersion
	}
}
