package store_test

import (
	"encoding/hex"
	"testing"

	"github.com/lectern-dev/lectern/internal/store"
)

// TestProofContext_Encode: whatever differs is encoded otherwise, also where one field ends with what the next begins with.
func TestProofContext_Encode(t *testing.T) {
	t.Parallel()
	base := store.ProofContext{
		Installation: "i", Epoch: 1, ID: "id", Key: store.Key{Namespace: "ns", Name: "name"}, Action: store.ActionUpdate,
		Edit: []byte(`{}`), ExpectedVersion: 2, IdempotencyKey: "key", Subject: "subject",
	}
	seen := map[string]string{}
	for name, change := range map[string]func(*store.ProofContext){
		"nothing":          func(*store.ProofContext) {},
		"installation":     func(c *store.ProofContext) { c.Installation = "j" },
		"epoch":            func(c *store.ProofContext) { c.Epoch = 2 },
		"id":               func(c *store.ProofContext) { c.ID = "ie" },
		"namespace":        func(c *store.ProofContext) { c.Key.Namespace = "nt" },
		"name":             func(c *store.ProofContext) { c.Key.Name = "namf" },
		"across two":       func(c *store.ProofContext) { c.Key = store.Key{Namespace: "nsn", Name: "ame"} },
		"action":           func(c *store.ProofContext) { c.Action = store.ActionDelete },
		"edit":             func(c *store.ProofContext) { c.Edit = []byte(`{ }`) },
		"expected version": func(c *store.ProofContext) { c.ExpectedVersion = 3 },
		"idempotency key":  func(c *store.ProofContext) { c.IdempotencyKey = "" },
		"subject":          func(c *store.ProofContext) { c.Subject = "" },
		"across the last":  func(c *store.ProofContext) { c.IdempotencyKey, c.Subject = "keys", "ubject" },
	} {
		c := base
		change(&c)
		encoded := hex.EncodeToString(c.Encode())
		if other, is := seen[encoded]; is {
			t.Errorf("%s and %s are encoded alike", name, other)
		}
		seen[encoded] = name
	}
}
