package servicedesk

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestReadPlan: a plan that is sealed by this server confirms what it is of, and a refusal says why it does not confirm something else.
func TestReadPlan(t *testing.T) {
	t.Parallel()
	states := newStates(t)
	d := &desk{connection: &connection{uid: "u1", service: &Service{plans: states, log: slog.New(slog.DiscardHandler)}}}
	r := &writeRequest{tool: "close_request", shown: map[string]string{"status of request 31": "Open", "priority of request 31": "High"}}
	w := &write{intent: store.WriteIntent{Caller: "oidc anna", Digest: []byte("digest")}}
	sealed, err := d.makePlan(w, r)
	require.NoError(t, err)
	if len(sealed) > 600 {
		t.Errorf("a plan has %d characters, which a model repeats", len(sealed))
	}
	raw, err := states.OpenPlan(sealed)
	require.NoError(t, err)
	var kept, keptAgain writePlan
	require.NoError(t, json.Unmarshal(raw, &kept))
	sealedAgain, err := d.makePlan(w, r)
	require.NoError(t, err)
	rawAgain, err := states.OpenPlan(sealedAgain)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(rawAgain, &keptAgain))
	if len(kept.Shown) != 16 || bytes.Equal(kept.Shown[:8], keptAgain.Shown[:8]) {
		t.Errorf("of two values a plan keeps %x, and another one %x: want 8 bytes each, by a key of its own", kept.Shown, keptAgain.Shown)
	}
	for name, tc := range map[string]struct {
		change func(*writePlan)
		want   string
	}{
		"as it was":             {func(*writePlan) {}, ""},
		"of another caller":     {func(p *writePlan) { p.Caller = "oidc ben" }, "it is another caller's"},
		"of another connection": {func(p *writePlan) { p.Connection = "u2" }, "it is of another connection"},
		"of another tool":       {func(p *writePlan) { p.Tool = "trash_request" }, "it is of the tool trash_request"},
		"of other arguments":    {func(p *writePlan) { p.Digest = []byte("other") }, "it is of other arguments"},
		"expired":               {func(p *writePlan) { p.Expires = time.Now().Add(-time.Second).Unix() }, "it is older than 10 minutes"},
		"a field moved":         {func(p *writePlan) { p.Shown[0] ^= 1 }, "priority of request 31 is not what was shown any more"},
		"another field moved":   {func(p *writePlan) { p.Shown[8] ^= 1 }, "status of request 31 is not what was shown any more"},
		"of fewer records":      {func(p *writePlan) { p.Shown = p.Shown[:8] }, "what it is about is not what was shown"},
	} {
		var plan writePlan
		require.NoError(t, json.Unmarshal(raw, &plan))
		tc.change(&plan)
		text, err := json.Marshal(plan)
		require.NoError(t, err)
		again, err := states.SealPlan(text)
		require.NoError(t, err)
		r.plan = &again
		nonce, err := d.readPlan(t.Context(), w, r)
		if tc.want == "" && (err != nil || nonce != plan.Nonce) || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %q %v, want %q", name, nonce, err, tc.want)
		}
	}
}

// TestNeedsConfirmation: what spec.access says, by the risk of a write.
func TestNeedsConfirmation(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		confirm, visible string
		want             [3]bool // of no risk, destructive, reaching requesters
	}{
		{"Never", "Deny", [3]bool{false, false, true}}, {"Never", "Allow", [3]bool{}},
		{"Destructive", "Deny", [3]bool{false, true, true}}, {"Destructive", "Allow", [3]bool{false, true, true}},
		{"Always", "Allow", [3]bool{true, true, true}},
	} {
		d := &desk{settings: &settings{}}
		d.Access.Confirm, d.Access.RequesterVisible = tc.confirm, tc.visible
		if got := [3]bool{d.needsConfirmation(noRisk), d.needsConfirmation(destructive), d.needsConfirmation(reachesRequester)}; got != tc.want {
			t.Errorf("%s %s: %v, want %v", tc.confirm, tc.visible, got, tc.want)
		}
	}
}
