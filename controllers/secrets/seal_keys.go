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

// FollowSealKeys returns what keeps keys those of their Secret.
func FollowSealKeys(namespace *Namespace, secret string, keys *seal.StorageKeys, log logr.Logger) *KeyFollower {
	return &KeyFollower{
		Namespace: namespace, Secret: secret, Key: SealKeyset, Replace: keys.Replace, Interval: SealReadInterval, Log: log,
		Describe: func() []any { return []any{"keys", keys.KeyIDs(), "primary", keys.PrimaryID()} },
	}
}
