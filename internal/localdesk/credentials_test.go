package localdesk

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/secretsource"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestSource_LastGoodCredentials: credentials that an editor is writing cost no token.
func TestSource_LastGoodCredentials(t *testing.T) {
	t.Parallel()
	d := newDesk(t, sdptest.Options{})
	s, _ := d.start()
	first := d.waitForToken(s, "")
	require.NoError(t, os.WriteFile(d.credentials, nil, 0o600))
	row := d.waitForProblem(s, "is no map of keys and texts in YAML or JSON; what it had before stays in use")
	if row.Token == nil || row.Token.ID != first.Token.ID {
		t.Errorf("there is the token %+v", row.Token)
	}
	require.NoError(t, os.Remove(d.credentials))
	d.waitForProblem(s, "no such file or directory; what it had before stays in use")
	d.give("refresh_token: " + d.fake.RefreshToken())
	require.Until(t, "the new ones are used", func() bool { row = d.row(s); return row.Problem == "" && row.Token.ID != first.Token.ID })
}

// TestHeldCredentials: what is found changed is used once it stays so.
func TestHeldCredentials(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "credentials")
	reference, err := secretsource.ParseReference(path)
	require.NoError(t, err)
	c := &v1alpha1.SDPConnection{Spec: v1alpha1.SDPConnectionSpec{Edition: v1alpha1.EditionOnPremises}}
	var h heldCredentials
	for i, step := range []struct {
		content, key, fault string
		isLater             bool
	}{
		{"", "", "is no map", false},
		{"api_key: 1", "", "", false},
		{"api_key: 12", "", "", true}, // changed again: it is not known for long
		{"api_key: 12", "12", "", true},
		{"api_key: ", "12", "lacks api_key", false},
		{"api_key: 3", "12", "", false},
		{"api_key: 34", "12", "", true},
		{"api_key: 12", "12", "", false},
		{"api_key: 34", "12", "", true},
		{"api_key: 34", "12", "", false},
		{"api_key: 34", "34", "", true},
	} {
		require.NoError(t, os.WriteFile(path, []byte(step.content), 0o600))
		if step.isLater {
			h.changedAt = h.changedAt.Add(-2 * confirmInterval)
		}
		values, after, fault := h.read(reference, c)
		if string(values["api_key"]) != step.key || (fault == nil) != (step.fault == "") || fault != nil && !strings.Contains(fault.Error(), step.fault) {
			t.Errorf("step %d: key %q, %v", i, values["api_key"], fault)
		}
		if isPending := step.fault == "" && !strings.HasSuffix(step.content, " "+step.key); isPending != (after > 0) || after > time.Second {
			t.Errorf("step %d: to be read again after %s", i, after)
		}
	}
}

// TestSource_StricterManifest: what a manifest allows no more is not allowed from then on, though an answer about a token is awaited.
func TestSource_StricterManifest(t *testing.T) {
	t.Parallel()
	d := newDesk(t, sdptest.Options{})
	s, stop := d.start()
	first := d.waitForToken(s, "")
	release := make(chan struct{})
	d.fake.Fail(sdptest.HeldAnswer(release).OfAccounts())
	d.giveWith("another", "refresh_token: "+d.fake.RefreshToken())
	require.Until(t, "a token is asked for", func() bool { return d.refreshes() == 2 })
	d.mistake = func(c *v1alpha1.SDPConnection) {
		c.Spec.Access = &v1alpha1.Access{Toolsets: []v1alpha1.Toolset{v1alpha1.ToolsetKnowledge}}
	}
	s.Replace([]*v1alpha1.SDPConnection{d.manifest()})
	if row := d.row(s); len(row.Settings.Access.Toolsets) != 1 || row.Token == nil || row.Revision <= first.Revision {
		t.Errorf("there is %+v with token %+v", row.Settings.Access, row.Token)
	}
	d.mistake = func(c *v1alpha1.SDPConnection) { c.Spec.Suspend = true }
	s.Replace([]*v1alpha1.SDPConnection{d.manifest()})
	row := d.row(s)
	if _, err := s.OpenToken(t.Context(), first.UID, first.Token.ID, nil); !row.Settings.Suspended || row.Token != nil || err == nil {
		t.Errorf("suspended: %t, with token %+v", row.Settings.Suspended, row.Token)
	}
	close(release)
	stop()
}
