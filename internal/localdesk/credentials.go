package localdesk

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/connectionlogin"
	"github.com/lectern-dev/lectern/internal/connectionobject"
	"github.com/lectern-dev/lectern/internal/secretsource"
)

// confirmInterval is how long credentials that were changed have to stay as they are before they are used: an editor empties a file and
// writes it, and a grant code of which half was read would be lost.
const confirmInterval = time.Second

// heldCredentials are what was read of credentials.
type heldCredentials struct {
	// good are the last ones that had all that the connection wants; nil for none.
	good map[string][]byte
	// changed are others, which were found at changedAt and are not used yet; nil for none.
	changed   map[string][]byte
	changedAt time.Time
	wasRead   bool
}

// read returns the credentials to go by; nil for none yet. Where what is there now lacks something, these are the last good ones if
// they fit the manifest, and fault says what it is. after is when to read again; zero for any time.
func (h *heldCredentials) read(reference secretsource.Reference, c *v1alpha1.SDPConnection) (
	values map[string][]byte, after time.Duration, fault error,
) {
	isFirst := !h.wasRead
	h.wasRead = true
	now, err := reference.ReadValues()
	if err == nil {
		err = checkValues(now, c)
	}
	if err != nil {
		h.changed = nil
		return h.goodFor(c), 0, err
	}
	isSame := func(other map[string][]byte) bool { return other != nil && maps.EqualFunc(now, other, bytes.Equal) }
	if !isFirst && !isSame(h.good) {
		if !isSame(h.changed) {
			h.changed, h.changedAt = now, time.Now()
		}
		if rest := confirmInterval - time.Since(h.changedAt); rest > 0 {
			return h.goodFor(c), rest, nil
		}
	}
	h.good, h.changed = now, nil
	return maps.Clone(now), 0, nil
}

// goodFor returns the last good credentials if they fit a manifest, else nil.
func (h *heldCredentials) goodFor(c *v1alpha1.SDPConnection) map[string][]byte {
	if h.good == nil || checkValues(h.good, c) != nil {
		return nil
	}
	return maps.Clone(h.good)
}

// checkValues returns what credentials lack for a connection, in words that follow the name of what they were read from.
func checkValues(values map[string][]byte, c *v1alpha1.SDPConnection) error {
	values = maps.Clone(values)
	if _, err := takeCertificates(values, c); err != nil {
		return err
	}
	if c.Spec.Suspend {
		return nil // it logs in with nothing
	}
	_, err := connectionlogin.Read(values, c.Spec.Edition)
	return err
}

// takeCertificates takes the certificates that a connection names out of its credentials.
func takeCertificates(values map[string][]byte, c *v1alpha1.SDPConnection) (string, error) {
	configMap, key := connectionobject.CABundle(&c.Spec)
	if configMap == "" {
		return "", nil
	}
	certificates := string(values[key])
	delete(values, key)
	if strings.TrimSpace(certificates) == "" {
		return "", fmt.Errorf("has no key %s, which without a cluster stands for ConfigMap %s that spec.caBundle names", key, configMap)
	}
	return certificates, nil
}
