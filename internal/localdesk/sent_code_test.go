package localdesk

import (
	"fmt"
	"testing"

	"github.com/lectern-dev/lectern/internal/sdp/redact"
)

// TestKept: a code finds what came of it, whatever the connection is called and wherever it logs in now. What came of another code
// is for the same connection, client and accounts server alone, and only where this one gave nothing.
func TestKept(t *testing.T) {
	t.Parallel()
	one := codeOwner{"default/one", "c", "https://accounts.example.org"}
	renamed, elsewhere, otherClient := one, one, one
	renamed.Connection, elsewhere.AccountsURL, otherClient.ClientID = "default/renamed", "https://accounts.example.com", "other"
	var s state
	for _, code := range []string{"1", "2", "failed", "under way"} {
		s.markSent(one, code)
	}
	s.keepOutcome(one, "1", redact.NewSecret("r1"), "")
	s.keepOutcome(one, "2", redact.NewSecret("r2"), "")
	s.keepOutcome(one, "failed", redact.Secret{}, "it is refused")
	for _, tc := range []struct {
		owner       codeOwner
		code        string
		refresh, of string
		isSpent     bool
	}{
		{one, "1", "r1", "1", true},
		{one, "2", "r2", "2", true},
		{one, "failed", "r2", "2", true},
		{one, "under way", "r2", "2", true},
		{one, "new", "r2", "2", false},
		{one, "", "r2", "2", false},
		{renamed, "1", "r1", "1", true},
		{elsewhere, "1", "r1", "1", true},
		{renamed, "failed", "", "", true},
		{elsewhere, "failed", "", "", true},
		{otherClient, "", "", "", false},
	} {
		kept := s.kept(tc.owner, tc.code)
		if kept.RefreshToken.Reveal() != tc.refresh || kept.Code != tc.of || kept.IsSpent(tc.code) != tc.isSpent {
			t.Errorf("%v, code %q: what is of use came of %q; the code is spent: %t", tc.owner, tc.code, kept.Code, kept.IsSpent(tc.code))
		}
	}
}

// TestMarkSent_Bound: what is forgotten first is of no use.
func TestMarkSent_Bound(t *testing.T) {
	t.Parallel()
	var s state
	s.keepOutcome(codeOwner{}, "useful", redact.NewSecret("r"), "")
	for i := range 2 * maxCodes {
		s.markSent(codeOwner{}, fmt.Sprint(i))
	}
	if len(s.Codes) != maxCodes || s.kept(codeOwner{}, "useful").RefreshToken.IsZero() || s.Codes[fmt.Sprint(2*maxCodes-1)].Number != 2*maxCodes+1 {
		t.Errorf("%d codes are kept", len(s.Codes))
	}
}
