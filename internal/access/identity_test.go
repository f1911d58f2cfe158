package access_test

import (
	"testing"

	"github.com/lectern-dev/lectern/internal/access"
)

func TestIdentity_Namespace(t *testing.T) {
	t.Parallel()
	for subject, want := range map[string]string{
		"system:serviceaccount:support:triage": "support",
		"local:anna":                           "",
		"anna@example.org":                     "",
		"system:serviceaccounts":               "",
	} {
		if got := (access.Identity{Subject: subject}).Namespace(); got != want {
			t.Errorf("%s is of namespace %q, not %q", subject, got, want)
		}
	}
}
