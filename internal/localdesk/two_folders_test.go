package localdesk

import (
	"path/filepath"
	"testing"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
)

// TestSource_TwoFolders: two folders call their connections alike, and each has a code of its own, which may be another person's or for
// other scopes. What came of one is not used for the other.
func TestSource_TwoFolders(t *testing.T) {
	t.Parallel()
	first := newDesk(t, sdptest.Options{})
	second := *first
	second.credentials = filepath.Join(t.TempDir(), "credentials")
	tokens := map[*desk]string{}
	for _, d := range []*desk{first, &second, first, &second} {
		isNew := tokens[d] == ""
		if isNew {
			d.give("grant_code: " + d.fake.GrantCode())
		}
		s, stop := d.start()
		row := d.waitForToken(s, "")
		stop()
		if !isNew && row.Token.ID != tokens[d] || row.Problem != "" {
			t.Errorf("there is token %s, want %s: %s", row.Token.ID, tokens[d], row.Problem)
		}
		tokens[d] = row.Token.ID
	}
	if n := first.fake.Count(sdptest.Grants("authorization_code")); n != 2 || tokens[first] == tokens[&second] || first.refreshes() != 0 {
		t.Errorf("%d exchanges, %d refreshes, tokens %v", n, first.refreshes(), tokens)
	}
}
