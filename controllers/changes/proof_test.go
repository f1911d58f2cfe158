package changes_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	dto "github.com/prometheus/client_model/go"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/changes"
	"github.com/lectern-dev/lectern/controllers/controllerstest"
	"github.com/lectern-dev/lectern/internal/access"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// proofFixture is a controller that asks for proof, on a database of its own, and callers with real tokens.
type proofFixture struct {
	*testing.T
	owner   postgres.Options
	server  *postgres.Store
	writer  *postgres.Writer
	callers *testenv.Callers
	begin   func(...func(*changes.Changes))
	// private and public are the files with the keys.
	private, public string
	namespace       string
}

func newProofFixture(t *testing.T) *proofFixture {
	t.Helper()
	f := &proofFixture{T: t, owner: pgtest.New(t), namespace: cluster.CreateNamespace(t)}
	var begin func(...func(*changes.Changes))
	_, f.writer, begin = newControllerIn(t, f.owner, false)
	opened, err := postgres.Open(t.Context(), pgtest.AsServerRole(t, f.owner))
	require.NoError(t, err)
	t.Cleanup(opened.Close)
	f.server = opened
	f.callers, err = cluster.Callers()
	require.NoError(t, err)
	dir := t.TempDir()
	f.private, f.public = filepath.Join(dir, "private"), filepath.Join(dir, "public")
	f.makeKeys(nil)
	log := slog.New(slog.DiscardHandler)
	asked, err := access.Open(t.Context(), access.Options{
		Mode: access.ModeKubernetes, Audiences: []string{testenv.Audience}, Kubeconfig: cluster.Kubeconfig,
	}, log)
	require.NoError(t, err)
	t.Cleanup(asked.Close)
	f.begin = func(but ...func(*changes.Changes)) {
		keys, err := seal.OpenPrivateKeys(f.private, log)
		require.NoError(t, err)
		begin(append([]func(*changes.Changes){func(c *changes.Changes) {
			c.Concurrency = 4 // nothing is published here, and what is applied stays in flight
			c.Prover = &changes.Prover{Keys: keys, Verifier: asked.Verifier, Reviewer: asked.Reviewer, IsForUsAlone: asked.IsForUsAlone}
		}}, but...)...)
	}
	return f
}

// makeKeys writes both files anew, and returns the private one.
func (f *proofFixture) makeKeys(previous []byte) []byte {
	f.Helper()
	pair, err := seal.NewKeyPair(previous)
	require.NoError(f, err)
	require.NoError(f, os.WriteFile(f.private, pair.Private, 0o600))
	require.NoError(f, os.WriteFile(f.public, pair.Public, 0o600))
	return pair.Private
}

// caller is a ServiceAccount that may do something in the fixture's namespace, and its token.
type caller struct {
	subject, token string
}

func (f *proofFixture) createCaller(o testenv.TokenOptions, verbs ...string) caller {
	f.Helper()
	account := testenv.Account{Namespace: f.namespace, Name: "agent-" + uuid.NewString()[:8]}
	require.NoError(f, f.callers.CreateAccount(f.Context(), account))
	if len(verbs) > 0 {
		require.NoError(f, f.callers.Grant(f.Context(), testenv.Grant{Name: account.Name, Namespace: f.namespace, Account: account, Verbs: verbs}))
	}
	if o.Audiences == nil {
		o.Audiences = []string{testenv.Audience}
	}
	token, err := f.callers.RequestToken(f.Context(), account, o)
	require.NoError(f, err)
	return caller{account.Subject(), token}
}

// newRequest makes a request as a server does for a caller.
func (f *proofFixture) newRequest(c caller, name string, action store.Action, edit store.Edit) store.ChangeRequest {
	f.Helper()
	public, err := seal.OpenPublicKeys(f.public, slog.New(slog.DiscardHandler))
	require.NoError(f, err)
	r := controllerstest.NewRequest(store.Key{Namespace: f.namespace, Name: name}, action, edit)
	r.Subject = c.subject
	r.Proof = &store.CallerProof{
		TokenFingerprint: store.FingerprintToken(c.token, c.subject),
		Seal:             func(bound store.ProofContext) ([]byte, error) { return public.Seal([]byte(c.token), bound.Encode()) },
	}
	return r
}

// request stores a request.
func (f *proofFixture) request(r store.ChangeRequest) store.ChangeRequest {
	f.Helper()
	_, err := f.server.RequestChange(f.Context(), r)
	require.NoError(f, err)
	return r
}

// waitFor waits until a request is in a state, and returns its outcome.
func (f *proofFixture) waitFor(r store.ChangeRequest, state store.ChangeState, reason string) (outcome store.ChangeOutcome) {
	f.Helper()
	require.Eventually(f.T, func() error {
		got, err := f.server.ChangeOutcomes(f.Context(), r.Subject, []string{r.ID})
		if err != nil || len(got) != 1 || got[0].State != state || got[0].Reason != reason {
			return fmt.Errorf("%s of %s is at %+v, %v; want %s %s", r.Action, r.Key, got, err, state, reason)
		}
		outcome = got[0]
		return nil
	})
	return outcome
}

func (f *proofFixture) exec(sql string, args ...any) {
	f.Helper()
	_, err := pgtest.Connect(f.T, f.owner).Exec(f.Context(), sql, args...)
	require.NoError(f, err)
}

func (f *proofFixture) exists(name string) bool {
	f.Helper()
	err := cluster.Client.Get(f.Context(), client.ObjectKey{Namespace: f.namespace, Name: name}, &v1alpha1.Prompt{})
	if err != nil && !apierrors.IsNotFound(err) {
		f.Fatal(err)
	}
	return err == nil
}

// countUnproven returns how many requests were refused for what is wrong with their proof.
func countUnproven(t *testing.T, reason string) float64 {
	t.Helper()
	all, err := metrics.Registry.Gather()
	require.NoError(t, err)
	for _, family := range all {
		if family.GetName() != "lectern_changes_unproven_total" {
			continue
		}
		i := slices.IndexFunc(family.GetMetric(), func(m *dto.Metric) bool { return m.GetLabel()[0].GetValue() == reason })
		if i >= 0 {
			return family.GetMetric()[i].GetCounter().GetValue()
		}
	}
	return 0
}

// testRights: what a request needs is decided by what it does, and who lacks it is told which verb.
func testRights(t *testing.T) {
	f := newProofFixture(t)
	f.begin()
	for name, tc := range map[string]struct {
		action store.Action
		edit   store.Edit
		needs  []string
	}{
		"add":            {store.ActionAdd, store.Edit{Content: new("x")}, []string{"create"}},
		"update":         {store.ActionUpdate, store.Edit{Content: new("y")}, []string{"patch"}},
		"delete":         {store.ActionDelete, store.Edit{}, []string{"delete"}},
		"channel":        {store.ActionUpdate, store.Edit{Channel: &store.ChannelEdit{Name: "beta"}}, []string{"promote"}},
		"withdraw":       {store.ActionUpdate, store.Edit{Withdraw: 7}, []string{"delete"}},
		"text + channel": {store.ActionUpdate, store.Edit{Content: new("y"), Channel: &store.ChannelEdit{Name: "beta"}}, []string{"patch", "promote"}},
	} {
		t.Run(name, func(t *testing.T) {
			object := strings.NewReplacer(" ", "", "+", "-").Replace(name)
			all := []string{"get", "list", "create", "patch", "delete", "promote"}
			for _, missing := range tc.needs {
				less := slices.DeleteFunc(slices.Clone(all), func(v string) bool { return v == missing })
				got := f.waitFor(f.request(f.newRequest(f.createCaller(testenv.TokenOptions{}, less...), object, tc.action, tc.edit)), store.ChangeRefused, store.ReasonForbidden)
				if want := "you may not " + missing + " prompt "; !strings.HasPrefix(got.Message, want) {
					t.Errorf("without %s it says %q", missing, got.Message)
				}
			}
			if tc.action != store.ActionAdd {
				p := controllerstest.NewPrompt(f.namespace, object, "x")
				p.Annotations = map[string]string{v1alpha1.AgentsAnnotation: "all"}
				cluster.CreatePrompt(t, p)
			}
			done := store.ChangeApplied
			if tc.action == store.ActionDelete { // nobody holds the object
				done = store.ChangePublished
			}
			f.waitFor(f.request(f.newRequest(f.createCaller(testenv.TokenOptions{}, tc.needs...), object, tc.action, tc.edit)), done, "")
		})
	}
}

// testTokens: whatever is wrong with a token, nothing is written, and the caller reads what to do.
func testTokens(t *testing.T) {
	f := newProofFixture(t)
	allowed := func(o testenv.TokenOptions) caller { return f.createCaller(o, "create") }
	deleted := allowed(testenv.TokenOptions{})
	account, _ := strings.CutPrefix(deleted.subject, "system:serviceaccount:"+f.namespace+":")
	require.NoError(t, f.callers.DeleteAccount(t.Context(), testenv.Account{Namespace: f.namespace, Name: account}))
	garbage := caller{"system:serviceaccount:" + f.namespace + ":nobody", "garbage"}
	f.begin()
	for name, tc := range map[string]struct {
		caller         caller
		reason, metric string
	}{
		"expired":        {allowed(testenv.TokenOptions{Expires: time.Now().Add(-time.Minute)}), store.ReasonTokenExpired, "TokenExpired"},
		"two audiences":  {allowed(testenv.TokenOptions{Audiences: []string{testenv.Audience, "https://kubernetes.default.svc"}}), store.ReasonUnproven, "TokenForOthers"},
		"wrong audience": {allowed(testenv.TokenOptions{Audiences: []string{"http://another/mcp"}}), store.ReasonUnproven, "TokenInvalid"},
		"deleted":        {deleted, store.ReasonUnproven, "TokenInvalid"},
		"garbage":        {garbage, store.ReasonUnproven, "TokenInvalid"},
	} {
		t.Run(name, func(t *testing.T) {
			before := countUnproven(t, tc.metric)
			object := strings.ReplaceAll(name, " ", "-")
			got := f.waitFor(f.request(f.newRequest(tc.caller, object, store.ActionAdd, store.Edit{Content: new("x")})), store.ChangeRefused, tc.reason)
			// It is counted once it is stored, which may be after it was read here.
			require.Until(t, "it is counted as "+tc.metric, func() bool { return countUnproven(t, tc.metric) > before })
			if f.exists(object) {
				t.Error("it was written")
			}
			t.Logf("%s: %s", tc.reason, got.Message)
		})
	}
}

// testForgedRows: whoever has the servers' database role stores rows of every kind in a victim's name. Each is refused and
// counted, none is written, and the victim's own requests go on as if they were not there.
func testForgedRows(t *testing.T) {
	f := newProofFixture(t)
	victim, thief := f.createCaller(testenv.TokenOptions{}, "create"), f.createCaller(testenv.TokenOptions{}, "create")
	server := pgtest.Connect(t, pgtest.AsServerRole(t, f.owner))
	insert := func(id, name, subject, key string, sealed []byte) error {
		fingerprint := sha256.Sum256([]byte(id))
		_, err := server.Exec(t.Context(), `insert into prompt_changes (id, namespace, name, action, edit, subject, idempotency_key, sealed, token_fingerprint)
			values ($1, $2, $3, 'Add', '{"content": "forged"}', $4, nullif($5, ''), $6, $7)`, id, f.namespace, name, subject, key, sealed, fingerprint[:])
		return err
	}
	// What a stolen server may have kept of requests that passed through it.
	var kept [][]byte
	keep := func(c caller, name string) store.ChangeRequest {
		r := f.newRequest(c, name, store.ActionAdd, store.Edit{Content: new("x")})
		inner := r.Proof.Seal
		r.Proof.Seal = func(bound store.ProofContext) ([]byte, error) {
			sealed, err := inner(bound)
			kept = append(kept, sealed)
			return sealed, err
		}
		return r
	}
	own := keep(victim, "own")
	own.IdempotencyKey = "key"
	forged := map[string]string{}
	forge := func(kind, key string, sealed []byte) {
		id, name := uuid.NewString(), "forged-"+fmt.Sprint(len(forged))
		require.NoError(t, insert(id, name, victim.subject, key, sealed))
		forged[id] = kind
	}
	before := map[string]float64{}
	for _, reason := range []string{"NoProof", "NotOpened", "AnotherSubject"} {
		before[reason] = countUnproven(t, reason)
	}
	forge("without a seal, under the victim's next key", "key", nil)
	f.request(own)
	f.request(keep(thief, "of-the-thief"))
	forge("a replay of the victim's own seal", "", kept[0])
	forge("another's seal", "", kept[1])
	forge("noise", "", []byte("noise that nobody sealed"))
	unknown := uuid.NewString()
	require.NoError(t, insert(unknown, "unknown", victim.subject, "", []byte("\x01a key that nobody has")))
	f.exec("update prompt_changes set requested_at = requested_at - interval '3 minutes' where id = $1", unknown)
	forge("under the victim's key, once it is taken", "key", nil)
	for i := range 100 {
		forge("one of many", fmt.Sprintf("key-%d", i), nil)
	}
	// Sealed well by a thief with a token of their own, in the victim's name.
	impostor := f.newRequest(thief, "impostor", store.ActionAdd, store.Edit{Content: new("x")})
	impostor.Subject = victim.subject
	f.request(impostor)
	forged[impostor.ID] = "a thief's token in the victim's name"

	f.begin()
	f.waitFor(own, store.ChangeApplied, "")
	for id, kind := range forged {
		got := f.waitFor(store.ChangeRequest{ID: id, Subject: victim.subject}, store.ChangeRefused, store.ReasonUnproven)
		if f.exists(got.Key.Name) {
			t.Errorf("%s: it was written", kind)
		}
	}
	for reason, n := range map[string]float64{"NoProof": 102, "NotOpened": 3, "AnotherSubject": 1} {
		require.Until(t, fmt.Sprintf("%.0f are counted as %s", n, reason), func() bool { return countUnproven(t, reason)-before[reason] >= n })
	}
	f.waitFor(store.ChangeRequest{ID: unknown, Subject: victim.subject}, store.ChangeRefused, store.ReasonKeyLost)
	repeat := own
	repeat.ID = uuid.NewString()
	if got, err := f.server.RequestChange(t.Context(), repeat); err != nil || got.ID != own.ID {
		t.Errorf("a repeat of the victim's request gives %+v, %v", got, err)
	}
	f.waitFor(f.request(f.newRequest(victim, "after", store.ActionAdd, store.Edit{Content: new("x")})), store.ChangeApplied, "")
}

// testKeys: what is sealed to a key that is replaced opens, what is sealed to one that is on its way waits for it, and what is
// sealed to one that is lost is refused and says so.
func testKeys(t *testing.T) {
	f := newProofFixture(t)
	add := func(name string) store.ChangeRequest { // each of another caller: nothing is published here, and what is applied stays open
		return f.request(f.newRequest(f.createCaller(testenv.TokenOptions{}, "create"), name, store.ActionAdd, store.Edit{Content: new("x")}))
	}
	earlier := add("earlier")
	private, err := os.ReadFile(f.private)
	require.NoError(t, err)
	f.makeKeys(private)
	f.begin()
	f.waitFor(earlier, store.ChangeApplied, "")
	f.waitFor(add("rotated"), store.ChangeApplied, "")

	// Servers have the next key before the controller.
	private, err = os.ReadFile(f.private)
	require.NoError(t, err)
	next := f.makeKeys(private)
	require.NoError(t, os.WriteFile(f.private, private, 0o600))
	early := add("early")
	require.Eventually(t, func() error {
		var tried int
		err := pgtest.Connect(t, f.owner).QueryRow(t.Context(), "select count(*) from prompt_changes where id = $1 and proof_tried_at is not null", early.ID).Scan(&tried)
		if err == nil && tried == 0 {
			err = fmt.Errorf("it was not tried")
		}
		return err
	})
	require.NoError(t, os.WriteFile(f.private, next, 0o600))
	f.waitFor(early, store.ChangeApplied, "")

	// The key is lost, and two minutes pass.
	f.makeKeys(nil)
	require.NoError(t, os.WriteFile(f.private, next, 0o600))
	lost := add("lost")
	f.exec("update prompt_changes set requested_at = requested_at - interval '3 minutes' where id = $1", lost.ID)
	if got := f.waitFor(lost, store.ChangeRefused, store.ReasonKeyLost); !strings.Contains(got.Message, "lectern keys new") {
		t.Errorf("it says %q", got.Message)
	}
}

// testExpiryBeforeApply: what was proven when it came is proven again when its turn comes.
func testExpiryBeforeApply(t *testing.T) {
	f := newProofFixture(t)
	c := f.createCaller(testenv.TokenOptions{Expires: time.Now().Add(-time.Minute)}, "create")
	expired := f.request(f.newRequest(c, "expired", store.ActionAdd, store.Edit{Content: new("x")}))
	require.NoError(t, f.writer.MarkChangeProven(t.Context(), expired.ID)) // as long as it was valid
	lacking := f.request(f.newRequest(f.createCaller(testenv.TokenOptions{}), "lacking", store.ActionAdd, store.Edit{Content: new("x")}))
	require.NoError(t, f.writer.MarkChangeProven(t.Context(), lacking.ID))
	waited := f.request(f.newRequest(f.createCaller(testenv.TokenOptions{}, "create"), "waited", store.ActionAdd, store.Edit{Content: new("x")}))
	require.NoError(t, f.writer.MarkChangeProven(t.Context(), waited.ID))
	f.exec("update prompt_changes set requested_at = requested_at - interval '14 minutes' where id = $1", waited.ID)
	f.exec("update prompt_change_queue set served_since = now() - interval '1 hour', served_at = now()") // its turn did not come
	_, err := f.server.ScrubOldSeals(t.Context())
	require.NoError(t, err)
	f.begin()
	f.waitFor(expired, store.ChangeRefused, store.ReasonTokenExpired)
	f.waitFor(lacking, store.ChangeRefused, store.ReasonForbidden)
	f.waitFor(waited, store.ChangeRefused, store.ReasonProofExpired)
}

// silent is a Verifier that nobody answers until it is back.
type silent struct {
	access.Verifier
	back chan struct{}
}

func (v *silent) Verify(ctx context.Context, token string) (access.Identity, error) {
	select {
	case <-v.back:
		return v.Verifier.Verify(ctx, token)
	default:
		return access.Identity{}, access.ErrUnavailable
	}
}

// testUnavailable: while nobody can say whose a token is, a request waits, and is refused for no reason.
func testUnavailable(t *testing.T) {
	f := newProofFixture(t)
	waiting := f.request(f.newRequest(f.createCaller(testenv.TokenOptions{}, "create"), "waiting", store.ActionAdd, store.Edit{Content: new("x")}))
	back := make(chan struct{})
	f.begin(func(c *changes.Changes) { c.Prover.Verifier = &silent{c.Prover.Verifier, back} })
	require.Eventually(t, func() error {
		var deferred bool
		err := pgtest.Connect(t, f.owner).QueryRow(t.Context(), "select proof_tried_at is not null from prompt_changes where id = $1", waiting.ID).Scan(&deferred)
		if err == nil && !deferred {
			err = fmt.Errorf("it was not tried")
		}
		return err
	})
	f.waitFor(waiting, store.ChangePending, "")
	close(back)
	f.waitFor(waiting, store.ChangeApplied, "")
}
