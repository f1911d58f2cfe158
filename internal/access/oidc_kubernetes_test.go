package access

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestOIDCVerifier_OfKubernetes has an issuer that is not ours: the API server itself, which signs tokens of ServiceAccounts
// and publishes its keys (ServiceAccount issuer discovery).
func TestOIDCVerifier_OfKubernetes(t *testing.T) {
	t.Parallel()
	c := sharedCluster(t)
	account := c.createAccount(t)
	require.NoError(t, c.BindClusterRole(t.Context(), "everybody-discovers", "system:service-account-issuer-discovery",
		rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "system:unauthenticated"}))
	caFile := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(caFile, c.plane.Config.CAData, 0o600))
	o := OIDCOptions{
		IssuerURL: c.plane.Config.Host, CAFile: caFile, UsernameClaim: "sub", UsernamePrefix: "cluster:", GroupsPrefix: "-",
		SigningAlgorithms: signingAlgorithms,
	}
	require.NoError(t, o.Validate())
	v := newOIDCVerifier(t.Context(), &o, []string{ours}, slog.New(slog.DiscardHandler), time.Now)
	token := func(o testenv.TokenOptions) string { return c.requestToken(t, account, o) }
	expires := time.Now().Add(20 * time.Minute).Truncate(time.Second)

	got, err := v.Verify(t.Context(), token(testenv.TokenOptions{Audiences: []string{ours}, Expires: expires}))
	require.NoError(t, err)
	want := Identity{
		Subject: "cluster:" + account.Subject(), Groups: []string{"system:authenticated"}, Proof: ProofOIDC, Expires: expires,
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApproxTime(0)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for name, tc := range map[string]struct{ token, want string }{
		"right":              {token(testenv.TokenOptions{Audiences: []string{ours}}), "proven"},
		"for the API server": {token(testenv.TokenOptions{}), "invalid: it is for another audience"},
		"expired":            {token(testenv.TokenOptions{Audiences: []string{ours}, Expires: time.Now().Add(-time.Hour)}), "invalid: it is expired"},
	} {
		_, err := v.Verify(t.Context(), tc.token)
		if got := describeAnswer(err); got != tc.want {
			t.Errorf("%s: %s, not %s", name, got, tc.want)
		}
	}
	o.UsernamePrefix = "-"
	v = newOIDCVerifier(t.Context(), &o, []string{ours}, slog.New(slog.DiscardHandler), time.Now)
	_, err = v.Verify(t.Context(), token(testenv.TokenOptions{Audiences: []string{ours}}))
	if got, want := describeAnswer(err), `invalid: its user begins with "system:"`; got != want {
		t.Errorf("without a prefix: %s, not %s", got, want)
	}
}
