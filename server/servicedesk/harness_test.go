package servicedesk_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/egress"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/catalog"
	"github.com/lectern-dev/lectern/server/servicedesk"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// TestMain also fails when a goroutine is left behind.
func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// helpdesk is the connection of most tests.
var helpdesk = store.Key{Namespace: "support", Name: "helpdesk"}

// house is a Postgres with connections, and the keys their tokens are sealed with. What a controller does, the test does.
type house struct {
	*testing.T
	owner  postgres.Options
	writer *postgres.Writer
	keys   *seal.StorageKeys
	uids   map[store.Key]string
	// generation counts what was stored.
	generation int64
	// adapt changes what endpoints are made of; nil changes nothing. Secrets are the texts of the tokens that were given.
	adapt   func(*server.Deps)
	secrets []string
	// urls are those of the fakes that credentials may go to.
	mu   sync.Mutex
	urls []string
}

func newHouse(t *testing.T) *house {
	t.Helper()
	t.Parallel()
	keyset, err := seal.NewStorageKeyset()
	require.NoError(t, err)
	keys, err := seal.ParseStorageKeys(keyset.Text())
	require.NoError(t, err)
	h := &house{T: t, owner: pgtest.New(t), keys: keys, uids: map[store.Key]string{}}
	h.writer = h.openStore(h.owner).Writer("cluster-1")
	require.NoError(t, h.writer.ClaimDatabase(t.Context()))
	return h
}

func (h *house) openStore(o postgres.Options) *postgres.Store {
	h.Helper()
	db, err := postgres.Open(h.Context(), o)
	require.NoError(h, err)
	h.Cleanup(db.Close)
	return db
}

// startFake serves a fake until the test ends.
func startFake(t *testing.T, o sdptest.Options) *sdptest.Server {
	t.Helper()
	return sdptest.Start(t, o)
}

// connect stores a connection to a fake with a token, and the lists that a controller reads, as changed.
func (h *house) connect(key store.Key, fake *sdptest.Server, change ...func(*store.ConnectionSettings)) {
	h.Helper()
	h.storeConnection(key, fake, change...)
	h.giveToken(key, fake)
	for _, list := range []sdp.LookupType{sdp.Statuses, sdp.Priorities, sdp.Groups, sdp.Categories, sdp.Subcategories} {
		h.storeLookup(key, fake, list)
	}
}

func (h *house) storeConnection(key store.Key, fake *sdptest.Server, change ...func(*store.ConnectionSettings)) {
	h.Helper()
	h.mu.Lock()
	h.urls = append(h.urls, fake.URL())
	h.mu.Unlock()
	settings := store.ConnectionSettings{
		Edition: "Cloud", APIURL: fake.URL(), Portal: "itdesk", TimeZone: "Europe/Berlin",
		Access: store.ConnectionAccess{
			Mode: "ReadOnly", Toolsets: []string{"requests", "lookups", "projects", "knowledge", "people"}, Confirm: "Destructive", ConfirmBy: "Plan",
			RequesterVisible: "Deny", WritesPerHour: 60, Attribution: "Name",
		},
		Callers:           []store.ConnectionCaller{{Subject: "local:anna", Email: "tech@example.org", Groups: []string{"Service desk"}}},
		RequestsPerMinute: 1000, Burst: 1000, LookupInterval: 6 * time.Hour, AuditPayloads: "Redacted", RetentionDays: 90,
	}
	if fake.Options().Edition == sdptest.OnPremises {
		settings.Edition, settings.Portal = "OnPremises", ""
	}
	for _, c := range change {
		c(&settings)
	}
	if h.uids[key] == "" {
		h.uids[key] = uuid.NewString()
	}
	h.generation++
	publication := store.ConnectionPublication{Key: key, Owner: store.Owner{UID: h.uids[key], Generation: h.generation}, Settings: settings}
	_, err := h.writer.StoreConnection(h.Context(), publication)
	if fenced, is := errors.AsType[*store.FencedError](err); is { // a tombstone
		publication.Takeover = &fenced.Row
		_, err = h.writer.StoreConnection(h.Context(), publication)
	}
	require.NoError(h, err)
}

// giveToken stores a token that the fake takes, in the place of the one before.
func (h *house) giveToken(key store.Key, fake *sdptest.Server) {
	h.Helper()
	h.storeToken(key, fake, time.Hour)
}

func (h *house) storeToken(key store.Key, fake *sdptest.Server, lifetime time.Duration) {
	h.Helper()
	now := time.Now()
	token := store.SealedToken{ID: uuid.NewString(), Kind: store.AccessToken, IssuedAt: now, ExpiresAt: now.Add(lifetime)}
	text := fake.Options().APIKey
	if fake.Options().Edition == sdptest.Cloud {
		text = fake.AccessToken(sdptest.DefaultScopes()...)
	} else {
		token.Kind, token.ExpiresAt = store.APIKey, time.Time{}
	}
	h.secrets = append(h.secrets, text)
	sealed, err := h.keys.Seal([]byte(text), seal.Cell{Table: "oauth_tokens", Column: "sealed", Connection: h.uids[key], Row: token.ID})
	require.NoError(h, err)
	token.Sealed = sealed
	require.NoError(h, h.writer.StoreAPIKey(h.Context(), key, h.uids[key], store.FingerprintAPIKey(text), token))
}

// storeLookup stores a list as a controller reads it.
func (h *house) storeLookup(key store.Key, fake *sdptest.Server, of sdp.LookupType) {
	h.Helper()
	lookup := store.Lookup{Type: string(of), RefreshedAt: time.Now(), ValidUntil: time.Now().Add(6 * time.Hour)}
	for _, id := range fake.IDs(string(of)) {
		record := fake.Record(string(of), id)
		entry := store.LookupEntry{ID: id, Name: fmt.Sprint(record["name"])}
		for _, above := range []string{"category", "subcategory"} {
			if parent, is := record[above].(sdptest.Record); is {
				entry.ParentID = fmt.Sprint(parent["id"])
			}
		}
		if inProgress, is := record["in_progress"].(bool); is {
			entry.Flags, _ = json.Marshal(map[string]any{"in_progress": inProgress, "internal_name": record["internal_name"]})
		}
		lookup.Entries = append(lookup.Entries, entry)
	}
	_, err := h.writer.ReplaceLookup(h.Context(), key, h.uids[key], lookup)
	require.NoError(h, err)
}

// roles allow what is written down, as rules of Kubernetes do: a verb on a key, on all of a namespace, or on everything.
type roles map[string]bool

func (r roles) Authorize(_ context.Context, identity auth.Identity, verb auth.Verb, key store.Key) error {
	for _, where := range []store.Key{key, {Namespace: key.Namespace}, {}} {
		if r[fmt.Sprintf("%s %s %s/%s", identity.Subject, verb, where.Namespace, where.Name)] {
			return nil
		}
	}
	return auth.ErrDenied
}

func (roles) VisibleNamespaces(context.Context, auth.Identity, auth.Candidates) (auth.Visible, error) {
	return auth.Visible{}, nil
}

// replica is a server over HTTP.
type replica struct {
	transporttest.Remote
	t        testing.TB
	service  *servicedesk.Service
	endpoint *server.Handler
}

// Stop ends the streams of a replica.
func (r *replica) Stop() { r.endpoint.Stop() }

// serve starts a replica, with anna for everybody, who may do everything unless an authorizer says otherwise.
func (h *house) serve(change ...func(*servicedesk.Config)) *replica {
	h.Helper()
	return h.serveFrom(pgtest.AsServerRole(h, h.owner), change...)
}

// serveFrom is serve for a database that is reached otherwise.
func (h *house) serveFrom(options postgres.Options, change ...func(*servicedesk.Config)) *replica {
	h.Helper()
	nobody := auth.NewNone("anna").AllowWrites()
	options.ApplicationName = "lectern-server-" + strings.ToLower(uuid.NewString()[:8])
	db := h.openStore(options)
	config := servicedesk.Config{
		Store: db, Writes: db, Projects: db, Titles: db,
		States: servicedesk.SealedStates{Keys: h.keys}, Plans: servicedesk.SealedStates{Keys: h.keys}, Traces: servicedesk.SealedStates{Keys: h.keys},
		Opener: servicedesk.SealedTokens{Keys: h.keys}, Authorizer: nobody, NewSender: h.newSender,
		Retry: sdp.RetryPolicy{Attempts: 3, First: time.Millisecond, Longest: 5 * time.Second},
	}
	for _, c := range change {
		c(&config)
	}
	service := servicedesk.New(config)
	from := catalog.New(db, catalog.Options{RetryEvery: 20 * time.Millisecond, PollEvery: 100 * time.Millisecond})
	deps := server.Deps{
		Catalog: from, Library: db, Changes: db, Authenticator: nobody, Authorizer: config.Authorizer, Version: "v0.0.0-test", ServiceDesk: service,
	}
	if h.adapt != nil {
		h.adapt(&deps)
	}
	endpoint := server.NewHandler(deps)
	ctx, cancel := context.WithCancel(context.Background())
	var following sync.WaitGroup
	following.Go(func() { from.FollowFeed(ctx) })
	following.Go(func() { service.Follow(ctx) })
	h.Cleanup(func() { cancel(); following.Wait() })
	require.Until(h, "the first look at the feed", func() bool { return from.CheckReady() == nil })
	return &replica{transporttest.Serve(h, endpoint), h, service, endpoint}
}

// newSender goes to the fakes alone.
func (h *house) newSender(string) (*http.Client, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	rules, err := egress.ParseRules(h.urls)
	if err != nil {
		return nil, err
	}
	return egress.NewClient(egress.Options{Rules: rules})
}

// answer is the result of a call of a tool.
type answer struct {
	Text    string
	IsError bool
	Values  json.RawMessage
	Details struct {
		Kind              string
		SDPCode           int
		Allowed           []string
		RetryAfterSeconds int
		Outcome           string
	}
}

// call calls a tool.
func (r *replica) call(name string, arguments map[string]any) answer {
	r.t.Helper()
	return r.callAt("", name, arguments)
}

// callAt is call at a path with a query.
func (r *replica) callAt(path, name string, arguments map[string]any) answer {
	r.t.Helper()
	q := transporttest.CallTool(name, arguments)
	q.Path = path
	reply := r.Send(r.t, q)
	var envelope struct {
		Result *struct {
			Content           []struct{ Text string }
			IsError           bool
			StructuredContent json.RawMessage
			Meta              map[string]json.RawMessage `json:"_meta"`
		}
	}
	body := reply.Body
	if at := strings.LastIndex(body, "data: "); strings.HasPrefix(reply.Header.Get("Content-Type"), "text/event-stream") && at >= 0 {
		body = body[at+len("data: "):]
	}
	if err := json.Unmarshal([]byte(body), &envelope); err != nil || envelope.Result == nil || len(envelope.Result.Content) == 0 {
		r.t.Fatalf("%s: %d %s", name, reply.Status, reply.Body)
	}
	a := answer{Text: envelope.Result.Content[0].Text, IsError: envelope.Result.IsError, Values: envelope.Result.StructuredContent}
	if raw, has := envelope.Result.Meta["dev.lectern/error"]; has {
		require.NoError(r.t, json.Unmarshal(raw, &a.Details))
	}
	return a
}

// mustCall calls a tool that has to answer, and reads its structured result.
func mustCall[T any](r *replica, name string, arguments map[string]any) (text string, values T) {
	r.t.Helper()
	got := r.call(name, arguments)
	if got.IsError {
		r.t.Fatalf("%s of %v: %s", name, arguments, got.Text)
	}
	require.NoError(r.t, json.Unmarshal(got.Values, &values))
	return got.Text, values
}

// tickets is the structured result of lists of tickets.
type tickets struct {
	Requests []struct {
		Number, Subject, Status, Priority, Technician, Due, SLA string
		MinutesLeft                                             *int64 `json:"minutes_left"`
		Score                                                   *float64
		Fields                                                  map[string]string
	}
	Total      *int
	NextCursor string `json:"next_cursor"`
	TimeZone   string `json:"time_zone"`
	Trust      string
}

func (t tickets) subjects() []string {
	subjects := []string{}
	for _, r := range t.Requests {
		subjects = append(subjects, r.Subject)
	}
	slices.Sort(subjects)
	return subjects
}

// wantCalls holds how many calls of ServiceDesk Plus were made since the last look, and forgets them.
func wantCalls(t testing.TB, fake *sdptest.Server, n int) {
	t.Helper()
	if calls := fake.Calls(sdptest.ToAPI); len(calls) != n {
		var paths []string
		for _, c := range calls {
			paths = append(paths, fmt.Sprintf("%s %s → %d %d", c.Method, c.Path, c.Status, c.Code))
		}
		t.Errorf("%d calls of ServiceDesk Plus, want %d: %s", len(calls), n, strings.Join(paths, "; "))
	}
	fake.ForgetCalls()
}
