package secrets

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Key names a value in a Secret, as NAME/KEY.
type Key struct{ Secret, Key string }

// ParseKey reads NAME/KEY.
func ParseKey(text string) (Key, error) {
	name, key, found := strings.Cut(text, "/")
	if !found || name == "" || key == "" {
		return Key{}, fmt.Errorf("%q is not NAME/KEY, the name of a Secret and a key in it", text)
	}
	return Key{name, key}, nil
}

const (
	// freshFor is how long a value is used without asking again.
	freshFor = 30 * time.Second
	// readTimeout bounds how long whoever needs a value waits for the API server.
	readTimeout = 5 * time.Second
)

// Value is one value of a Secret. While the API server is away, it is what it was. Any number may read it at once.
type Value struct {
	namespace *Namespace
	key       Key

	mu      sync.Mutex
	value   string
	read    time.Time
	isStale bool
}

// ValueOf returns a value of a Secret, which is read when it is asked for.
func (n *Namespace) ValueOf(key Key) *Value { return &Value{namespace: n, key: key} }

// Current returns the value.
func (v *Value) Current(ctx context.Context) (string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.value != "" && time.Since(v.read) < freshFor {
		return v.value, nil
	}
	value, err := v.fetch(ctx)
	switch {
	case err == nil:
		v.value, v.isStale = value, false
	case v.value == "":
		return "", err
	case !v.isStale:
		v.isStale = true
		v.namespace.Log.Error(err, "Cannot read a Secret again; what it said before stays in use", "Secret", v.namespace.keyOf(v.key.Secret))
	}
	v.read = time.Now()
	return v.value, nil
}

func (v *Value) fetch(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	secret, err := v.namespace.Get(ctx, v.key.Secret)
	if err != nil {
		return "", err
	}
	value := strings.TrimSpace(string(secret.Data[v.key.Key]))
	if value == "" {
		return "", errors.New("the Secret " + v.namespace.keyOf(v.key.Secret).String() + " has no key " + v.key.Key)
	}
	return value, nil
}
