package scenarios

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/faultpoint"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// provenStack has callers who prove who they are, and fault points.
var provenStack = startOnce(testenv.StackOptions{
	Tags: "faultpoints", Authenticate: true, ControllerArgs: []string{"--leader-elect=false", "--migrate=verify"},
})

func TestProvenChanges(t *testing.T) {
	t.Parallel()
	t.Run("callers change what they may", testProvenTools)
	t.Run("a controller is killed after the proof", testKilledAfterProof)
	t.Run("keys are rotated under load", testRotationUnderLoad)
	t.Run("old seals go with whoever starts", testOldSeals)
	t.Run("thousands of one caller keep no other waiting", testGreedyCaller)
	t.Run("no token is in the database or a log", testNoTokenInClear)
}

// usedTokens are those of all callers so far.
var usedTokens struct {
	sync.Mutex
	all []string
}

// provenScenario is a namespace of the stack whose callers have tokens.
type provenScenario struct {
	*testing.T
	*testenv.Stack
	api       client.Client
	callers   *testenv.Callers
	namespace string
}

func startProvenScenario(t *testing.T) *provenScenario {
	t.Helper()
	stack := provenStack(t)
	api, err := newClient(stack.ControlPlane.Config)
	require.NoError(t, err)
	callers, err := stack.ControlPlane.Callers()
	require.NoError(t, err)
	s := &provenScenario{T: t, Stack: stack, api: api, callers: callers, namespace: "proven-" + uuid.NewString()[:8]}
	require.NoError(t, callers.CreateNamespace(t.Context(), s.namespace))
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(stack.LogTails(context.Background()))
			require.NoError(t, stack.Repair(context.Background()))
		}
	})
	return s
}

// provenCaller is a ServiceAccount with a token and a session.
type provenCaller struct {
	*provenScenario
	subject, token string
	session        *mcp.ClientSession
}

// newCaller makes a caller with these rights in the scenario's namespace.
func (s *provenScenario) newCaller(audiences []string, verbs ...string) *provenCaller {
	s.Helper()
	account := testenv.Account{Namespace: s.namespace, Name: "agent-" + uuid.NewString()[:8]}
	require.NoError(s.T, s.callers.CreateAccount(s.Context(), account))
	require.NoError(s.T, s.callers.Grant(s.Context(), testenv.Grant{Name: account.Name, Namespace: s.namespace, Account: account, Verbs: verbs}))
	token, err := s.callers.RequestToken(s.Context(), account, testenv.TokenOptions{Audiences: audiences})
	require.NoError(s.T, err)
	usedTokens.Lock()
	usedTokens.all = append(usedTokens.all, token)
	usedTokens.Unlock()
	return &provenCaller{provenScenario: s, subject: account.Subject(), token: token}
}

func (c *provenCaller) connect() *provenCaller {
	c.Helper()
	a, err := connectWithToken(c.Context(), c.Endpoints[0], "", c.token)
	require.NoError(c.T, err)
	c.Cleanup(a.close)
	c.session = a.session
	return c
}

var ours = []string{testenv.Audience}

// everything is all a caller may do with prompts.
var everything = []string{"get", "list", "create", "patch", "delete", "promote"}

// call calls a tool and returns what it says.
func (c *provenCaller) call(ctx context.Context, tool string, arguments map[string]any) (string, error) {
	result, err := c.session.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: arguments})
	if err != nil {
		return "", fmt.Errorf("%s: %w", tool, err)
	}
	var said strings.Builder
	for _, content := range result.Content {
		if text, is := content.(*mcp.TextContent); is {
			said.WriteString(text.Text)
		}
	}
	return said.String(), nil
}

// wantCall calls a tool that has to begin its answer with these words.
func (c *provenCaller) wantCall(want, tool string, arguments map[string]any) {
	c.Helper()
	got, err := c.call(c.Context(), tool, arguments)
	require.NoError(c.T, err)
	if !strings.HasPrefix(got, want) {
		c.Errorf("%s says %q, want %q ...", tool, got, want)
	}
}

func (s *provenScenario) query(into any, sql string, args ...any) {
	s.Helper()
	conn, err := pgx.Connect(s.Context(), s.OwnerURL)
	require.NoError(s.T, err)
	defer func() { _ = conn.Close(context.Background()) }()
	require.NoError(s.T, conn.QueryRow(s.Context(), sql, args...).Scan(into))
}

// testProvenTools: what a caller may do over MCP ends in the object, under the caller's name; what they may not is refused with
// the verb; and a token that is good elsewhere, too, never gets into the database.
func testProvenTools(t *testing.T) {
	s := startProvenScenario(t)
	id := s.namespace + "/note"
	may := s.newCaller(ours, everything...).connect()
	may.wantCall(`Created prompt "note"`, "add_prompt", map[string]any{"name": "note", "content": "one", "namespace": s.namespace})
	may.wantCall(`Updated prompt "note" (version 2)`, "update_prompt", map[string]any{"id": id, "content": "two"})
	may.wantCall("", "set_prompt_channel", map[string]any{"id": id, "channel": "production", "version": 1})
	var p v1alpha1.Prompt
	require.NoError(t, s.api.Get(t.Context(), client.ObjectKey{Namespace: s.namespace, Name: "note"}, &p))
	if p.Annotations[v1alpha1.ChangedByAnnotation] != may.subject || len(p.Spec.Channels) != 1 {
		t.Errorf("the object is changed by %q, channels %v", p.Annotations[v1alpha1.ChangedByAnnotation], p.Spec.Channels)
	}
	reader := s.newCaller(ours, "get", "list").connect()
	wide := s.newCaller(append(slices.Clone(ours), "https://kubernetes.default.svc"), everything...).connect()
	var before, after int
	s.query(&before, "select count(*) from prompt_changes")
	for verb, call := range map[string]struct {
		tool      string
		arguments map[string]any
	}{
		"patch":   {"update_prompt", map[string]any{"id": id, "content": "no"}},
		"delete":  {"delete_prompt", map[string]any{"id": id}},
		"promote": {"set_prompt_channel", map[string]any{"id": id, "channel": "production", "version": 2}},
		"create":  {"add_prompt", map[string]any{"name": "new", "content": "no", "namespace": s.namespace}},
	} {
		if got, err := reader.call(t.Context(), call.tool, call.arguments); err == nil && !strings.Contains(got, verb) {
			t.Errorf("without %s, %s says %q", verb, call.tool, got)
		}
		if got, err := wide.call(t.Context(), call.tool, call.arguments); err != nil || !strings.Contains(got, "whose only audience is this server's") {
			t.Errorf("with a token that is good elsewhere %s says %q, %v", call.tool, got, err)
		}
	}
	s.query(&after, "select count(*) from prompt_changes")
	if before != after {
		t.Errorf("%d requests were stored of what is refused at once", after-before)
	}
	may.wantCall("Deleted prompt", "delete_prompt", map[string]any{"id": id})
	var sealed int
	s.query(&sealed, "select count(*) from prompt_changes where sealed is not null")
	if sealed != 0 {
		t.Errorf("%d seals are left of what is final", sealed)
	}
}

// testKilledAfterProof: a controller that dies between the proof and the write leaves the seal to the next one, which proves again.
func testKilledAfterProof(t *testing.T) {
	s := startProvenScenario(t)
	may := s.newCaller(ours, everything...).connect()
	s.Terminate(testenv.Controller)
	require.NoError(t, s.Launch(testenv.Controller, "LECTERN_FAULTPOINT="+string(faultpoint.ChangeProven)))
	said := make(chan string, 1)
	go func() {
		got, err := may.call(t.Context(), "add_prompt", map[string]any{"name": "kept", "content": "one", "namespace": s.namespace})
		said <- fmt.Sprint(got, err)
	}()
	require.NoError(t, (&scenario{Stack: s.Stack}).waitUntilControllerKilledItself(t.Context()))
	var kept bool
	s.query(&kept, "select proven_at is not null and sealed is not null from prompt_changes where namespace = $1", s.namespace)
	if !kept {
		t.Error("it died before the proof, or the seal is gone")
	}
	require.NoError(t, s.Launch(testenv.Controller))
	require.NoError(t, s.WaitUntilReady(t.Context(), testenv.Controller))
	require.Eventually(t, func() error {
		var state string
		s.query(&state, "select state from prompt_changes where namespace = $1", s.namespace)
		if state != "Published" {
			return fmt.Errorf("the request is %s", state)
		}
		return nil
	})
	t.Logf("the caller reads: %s", <-said)
}

// testRotationUnderLoad: while callers change prompts, the keys are replaced again and again, and nothing fails.
func testRotationUnderLoad(t *testing.T) {
	s := startProvenScenario(t)
	ctx, stop := context.WithCancel(t.Context())
	var done atomic.Int64
	var group sync.WaitGroup
	for n := range 3 {
		c := s.newCaller(ours, everything...).connect()
		name := fmt.Sprintf("p-%d", n)
		c.wantCall("Created prompt", "add_prompt", map[string]any{"name": name, "content": "0", "namespace": s.namespace})
		group.Go(func() {
			for i := 1; ctx.Err() == nil; i++ {
				got, err := c.call(t.Context(), "update_prompt", map[string]any{"id": s.namespace + "/" + name, "content": fmt.Sprint(i)})
				if err != nil || !strings.HasPrefix(got, "Updated prompt") {
					t.Errorf("update %d of %s: %q, %v", i, name, got, err)
					return
				}
				done.Add(1)
			}
		})
	}
	for n := range 3 {
		next := s.IntakeKeyFile + fmt.Sprint(".", n)
		require.NoError(t, s.MakeIntakeKeys(t.Context(), next, next+".pub", "--rotate="+s.IntakeKeyFile))
		require.NoError(t, os.Rename(next+".pub", s.IntakePublicKeyFile)) // in the wrong order: the controller has it later
		require.NoError(t, os.Rename(next, s.IntakeKeyFile))
		sealedBefore := done.Load()
		require.Eventually(t, func() error {
			if t.Failed() || done.Load() >= sealedBefore+30 {
				return nil
			}
			return errors.New("few changes were made since the keys were replaced")
		})
	}
	stop()
	group.Wait()
	t.Logf("%d changes succeeded over 3 rotations", done.Load())
}

// storeRequests stores requests for additions as a server does, and returns their ids.
func (c *provenCaller) storeRequests(n int) (ids []string) {
	c.Helper()
	at, err := postgres.Open(c.Context(), postgres.Options{URL: c.ServerURL, PoolSize: 4, ConnectTimeout: wait.Patience})
	require.NoError(c.T, err)
	defer at.Close()
	keys, err := seal.OpenPublicKeys(c.IntakePublicKeyFile, slog.New(slog.DiscardHandler))
	require.NoError(c.T, err)
	var mu sync.Mutex
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for i := worker; i < n; i += 4 {
				r := store.ChangeRequest{
					ID: uuid.NewString(), Key: store.Key{Namespace: c.namespace, Name: fmt.Sprintf("many-%d", i)}, Action: store.ActionAdd,
					Edit: store.Edit{Content: new("x")}, Subject: c.subject, Proof: &store.CallerProof{
						TokenFingerprint: store.FingerprintToken(c.token, c.subject),
						Seal:             func(bound store.ProofContext) ([]byte, error) { return keys.Seal([]byte(c.token), bound.Encode()) },
					},
				}
				if _, err := at.RequestChange(c.Context(), r); err != nil {
					c.Error(err)
					return
				}
				mu.Lock()
				ids = append(ids, r.ID)
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return ids
}

// testOldSeals: nothing ran for 20 minutes, and whatever starts first removes the seals of before.
func testOldSeals(t *testing.T) {
	s := startProvenScenario(t)
	c := s.newCaller(ours, everything...)
	all := []string{testenv.Controller, testenv.Server1, testenv.Server2}
	for _, first := range []string{testenv.Server1, testenv.Controller} {
		for _, name := range all {
			s.Terminate(name)
		}
		ids := c.storeRequests(3)
		var sealed int
		s.query(&sealed, `with old as (update prompt_changes set requested_at = requested_at - interval '20 minutes' where id = any($1::uuid[]) returning sealed)
			select count(sealed) from old`, ids)
		if sealed != 3 {
			t.Fatalf("%d of 3 requests are sealed while nothing runs", sealed)
		}
		require.NoError(t, s.Launch(first))
		require.Eventually(t, func() error {
			s.query(&sealed, "select count(*) from prompt_changes where sealed is not null and requested_at < now() - interval '15 minutes'")
			if sealed > 0 {
				return fmt.Errorf("%d seals of 20 minutes are left after %s started", sealed, first)
			}
			return nil
		})
		for _, name := range all {
			if name != first {
				require.NoError(t, s.Launch(name))
			}
		}
		for _, name := range all {
			require.NoError(t, s.WaitUntilReady(t.Context(), name))
		}
		require.Eventually(t, func() error {
			var how string
			s.query(&how, "select string_agg(distinct state || ' ' || reason, ', ') from prompt_changes where id = any($1::uuid[])", ids)
			if how != "Refused ProofExpired" && how != "Expired NotBegun" {
				return fmt.Errorf("the requests are %s", how)
			}
			return nil
		})
	}
}

// testGreedyCaller: one caller asks for 10,000 prompts, past every server's quota; another's changes are made meanwhile.
func testGreedyCaller(t *testing.T) {
	s := startProvenScenario(t)
	greedy := s.newCaller(ours, "get") // who may create nothing, so that 10,000 objects are not made
	normal := s.newCaller(ours, everything...).connect()
	normal.wantCall("Created prompt", "add_prompt", map[string]any{"name": "mine", "content": "0", "namespace": s.namespace})
	measure := func() (took []time.Duration) {
		for range 20 {
			began := time.Now()
			normal.wantCall("Updated prompt", "update_prompt", map[string]any{"id": s.namespace + "/mine", "content": uuid.NewString()})
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		return took
	}
	alone := measure()
	const many = 10_000
	stored := make(chan []string)
	go func() { stored <- greedy.storeRequests(many) }()
	var waiting int
	require.Eventually(t, func() error {
		s.query(&waiting, "select count(*) from prompt_changes where subject = $1 and settled_at is null", greedy.subject)
		if waiting < 100 {
			return fmt.Errorf("%d of the greedy caller wait", waiting)
		}
		return nil
	})
	beside := measure()
	s.query(&waiting, "select count(*) from prompt_changes where subject = $1 and settled_at is null", greedy.subject)
	t.Logf("20 changes: p95 alone %v, beside %d requests %v; %d of those still wait", alone[18], many, beside[18], waiting)
	if waiting == 0 {
		t.Error("the other caller was served after all of them, or they were too few to tell")
	}
	<-stored
	s.query(&waiting, "with gone as (delete from prompt_changes where subject = $1 returning 1) select count(*) from gone", greedy.subject)
}

// testNoTokenInClear: of no caller's token are 12 bytes in the database or in a log, as text or as the hex of it.
func testNoTokenInClear(t *testing.T) {
	s := startProvenScenario(t)
	conn, err := pgx.Connect(t.Context(), s.OwnerURL)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	rows, err := conn.Query(t.Context(), "select tablename::text from pg_tables where schemaname = 'public'")
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	places := map[string][]byte{}
	for _, table := range tables {
		rows, err := conn.Query(t.Context(), "select r::text from "+pgx.Identifier{table}.Sanitize()+" r")
		require.NoError(t, err)
		texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		places[table] = []byte(strings.Join(texts, "\n"))
	}
	for _, name := range []string{testenv.Controller, testenv.Server1, testenv.Server2} {
		if places[name], err = os.ReadFile(s.LogPath(name)); err != nil {
			t.Fatal(err)
		}
	}
	usedTokens.Lock()
	defer usedTokens.Unlock()
	pieces := map[string]bool{}
	for _, token := range usedTokens.all {
		parts := strings.Split(token, ".")
		for _, part := range parts[1:] { // the header is the same in every token of the cluster
			for i := 0; i+12 <= len(part); i += 12 {
				pieces[part[i:i+12]] = true
			}
		}
	}
	size := 0
	for place, text := range places {
		size += len(text)
		for piece := range pieces {
			if bytes.Contains(text, []byte(piece)) || bytes.Contains(text, []byte(hex.EncodeToString([]byte(piece)))) {
				t.Errorf("%s has a part of a token", place)
				break
			}
		}
	}
	t.Logf("%d pieces of %d tokens searched in %d tables and 3 logs, %d bytes", len(pieces), len(usedTokens.all), len(tables), size)
}
