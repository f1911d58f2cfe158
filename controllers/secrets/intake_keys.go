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

// FollowIntakeKeys returns what keeps the private keys those of their Secret.
func FollowIntakeKeys(namespace *Namespace, secret string, keys *seal.PrivateKeys, log logr.Logger) *KeyFollower {
	return &KeyFollower{
		Namespace: namespace, Secret: secret, Key: PrivateKey, Replace: keys.Replace, Interval: IntakeReadInterval, Log: log,
		Describe: func() []any { return []any{"keys", keys.KeyIDs()} },
	}
}
