package access

import (
	"testing"
)

func TestCacheKeys_OfIdentity(t *testing.T) {
	t.Parallel()
	keys := newCacheKeys()
	base := func() Identity {
		return Identity{
			Subject: "system:serviceaccount:support:triage", UID: "u1", Groups: []string{"system:serviceaccounts", "system:authenticated"},
			Extra: map[string][]string{"pod": {"a"}, credentialID: {"JTI=1"}},
		}
	}
	of := func(change func(*Identity)) cacheKey {
		identity := base()
		change(&identity)
		return keys.ofIdentity(&identity)
	}
	same := of(func(*Identity) {})
	for name, change := range map[string]func(*Identity){
		"a rotated token":     func(i *Identity) { i.Extra[credentialID] = []string{"JTI=2"} },
		"no id of the token":  func(i *Identity) { delete(i.Extra, credentialID) },
		"another expiry":      func(i *Identity) { i.Expires = i.Expires.Add(1) },
		"nothing that counts": func(i *Identity) { i.Proof = ProofOIDC },
	} {
		if of(change) != same {
			t.Errorf("%s is another caller", name)
		}
	}
	seen := map[cacheKey]string{same: "the caller"}
	for name, change := range map[string]func(*Identity){
		"another subject":                func(i *Identity) { i.Subject += "x" },
		"another UID":                    func(i *Identity) { i.UID = "u2" },
		"a group less":                   func(i *Identity) { i.Groups = i.Groups[:1] },
		"two groups in one":              func(i *Identity) { i.Groups = []string{"system:serviceaccountssystem:authenticated"} },
		"another pod":                    func(i *Identity) { i.Extra["pod"] = []string{"b"} },
		"two pods":                       func(i *Identity) { i.Extra["pod"] = []string{"a", "b"} },
		"another extra":                  func(i *Identity) { i.Extra["node"] = []string{"a"} },
		"no extra":                       func(i *Identity) { i.Extra = nil },
		"a subject that ends in the UID": func(i *Identity) { i.Subject, i.UID = i.Subject+"u1", "" },
	} {
		key := of(change)
		if other, known := seen[key]; known {
			t.Errorf("%s is the same as %s", name, other)
		}
		seen[key] = name
	}
}

func TestRightsKey(t *testing.T) {
	t.Parallel()
	first := Identity{Subject: "anna", Proof: ProofOIDC, Extra: map[string][]string{"pod": {"a"}, credentialID: {"JTI=1"}}}
	rotated, local, moved := first, first, first
	rotated.Extra = map[string][]string{credentialID: {"JTI=2"}, "pod": {"a"}}
	local.Proof = ProofNone
	moved.Extra = map[string][]string{"pod": {"b"}}
	if RightsKey(&rotated) != RightsKey(&first) {
		t.Error("a rotated token has other rights")
	}
	if RightsKey(&local) == RightsKey(&first) || RightsKey(&moved) == RightsKey(&first) {
		t.Error("callers with other rights have the same key")
	}
}

func TestCacheKeys_OfQuestion(t *testing.T) {
	t.Parallel()
	keys := newCacheKeys()
	seen := map[cacheKey]Question{}
	for _, who := range []cacheKey{{1}, {2}} {
		for _, q := range []Question{
			{Verb: Get, Resource: Prompts, Namespace: "a", Name: "b"}, {Verb: Get, Resource: Prompts, Namespace: "ab"},
			{Verb: Get, Resource: Prompts, Name: "ab"}, {Verb: List, Resource: Prompts, Namespace: "a", Name: "b"},
			{Verb: Get, Resource: SDPConnections, Namespace: "a", Name: "b"},
		} {
			key := keys.ofQuestion(t.Context(), who, &q)
			if other, known := seen[key]; known {
				t.Errorf("%v is the same as %v", q, other)
			}
			seen[key] = q
		}
	}
}

// TestCacheKeys_OfToken: a key is of this process, and depends on the audiences.
func TestCacheKeys_OfToken(t *testing.T) {
	t.Parallel()
	keys := newCacheKeys()
	first := keys.ofToken("t", []string{"a"})
	if first != keys.ofToken("t", []string{"a"}) {
		t.Error("a token has two keys")
	}
	if keys.ofToken("t", []string{"a"}) == keys.ofToken("t", []string{"b"}) || keys.ofToken("t", []string{"a"}) == newCacheKeys().ofToken("t", []string{"a"}) {
		t.Error("two keys are the same")
	}
}

// TestCacheKeys_UnnamedNamespaces: an answer about a namespace that was not named is not found by who names it; one about all
// namespaces names none, and is.
func TestCacheKeys_UnnamedNamespaces(t *testing.T) {
	t.Parallel()
	keys := newCacheKeys()
	who := keys.ofIdentity(&Identity{Subject: "anna"})
	for namespace, same := range map[string]bool{"": true, "support": false} {
		question := Question{Verb: List, Resource: Prompts, Namespace: namespace}
		named := keys.ofQuestion(t.Context(), who, &question)
		if got := named == keys.ofQuestion(WithUnnamedNamespaces(t.Context()), who, &question); got != same {
			t.Errorf("namespace %q: the same key: %t", namespace, got)
		}
	}
}
