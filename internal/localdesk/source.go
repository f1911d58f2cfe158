package localdesk

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/connectionobject"
	"github.com/lectern-dev/lectern/internal/sdp/egress"
	"github.com/lectern-dev/lectern/internal/sdp/redact"
	"github.com/lectern-dev/lectern/internal/secretsource"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/memory"
)

// Options are what a Source is made of.
type Options struct {
	// StateFolder is shared by the processes of a user; see DefaultStateFolder.
	StateFolder string
	// Credentials says where those of a connection are.
	Credentials map[store.Key]secretsource.Reference
	// Egress says where credentials may go; its CA bundle is the connection's.
	Egress egress.Options
	Log    *slog.Logger
}

// Source is a store of connections for a server. It keeps them current while Follow runs.
type Source struct {
	options Options
	folder  stateFolder
	// writes are intents of this process.
	writes *memory.Writes
	// rekeyed is told that other keepers are to run.
	rekeyed chan struct{}
	// audit is nil where nothing is audited; auditActor is whose program this is.
	audit      audit.Writer
	auditActor audit.Actor
	// refusedKeyInterval is the time between two calls with an API key that is refused: a person may make it good where it was made.
	refusedKeyInterval time.Duration

	mu       sync.Mutex
	revision int64
	lastID   int64
	keepers  map[store.Key]*keeper
	// gone are the rows of connections that are no more.
	gone map[store.Key]store.Connection
	// changed is told of every revision.
	changed func()
}

// New makes a Source that knows no connection.
func New(options Options) *Source {
	s := &Source{
		options: options, folder: stateFolder{options.StateFolder}, rekeyed: make(chan struct{}, 1),
		refusedKeyInterval: time.Minute, keepers: map[store.Key]*keeper{}, gone: map[store.Key]store.Connection{}, changed: func() {},
	}
	s.writes = memory.NewWrites(s.limitsOf)
	return s
}

// OnChange has changed called when rows are others than before. It is called before Follow, and changed blocks nobody.
func (s *Source) OnChange(changed func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed = changed
}

// Replace takes over the manifests that there are now.
func (s *Source) Replace(manifests []*v1alpha1.SDPConnection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	there := map[store.Key]bool{}
	for _, m := range manifests {
		key := connectionobject.KeyOf(m)
		there[key] = true
		switch k := s.keepers[key]; {
		case k == nil:
			s.addKeeper(key, m)
		case !reflect.DeepEqual(k.manifest.Spec, m.Spec):
			s.replaceManifest(k, m)
		}
	}
	for key, k := range s.keepers {
		if there[key] {
			continue
		}
		delete(s.keepers, key)
		s.revision++
		s.gone[key] = store.Connection{ID: k.row.ID, Key: key, UID: k.row.UID, Revision: s.revision, Deleted: true}
		s.options.Log.Info("A connection is gone", "connection", key.String())
	}
	for key, reference := range s.options.Credentials {
		if !there[key] {
			s.options.Log.Warn("There are credentials for a connection of which no manifest is in the folder",
				"connection", key.String(), "credentials", reference.String())
		}
	}
	select {
	case s.rekeyed <- struct{}{}:
	default:
	}
	s.changed()
}

// WarnOfUnserved returns what takes over the manifests of a folder where no credentials are named: it tells that there are some.
func WarnOfUnserved(log *slog.Logger) func([]*v1alpha1.SDPConnection) {
	return func(manifests []*v1alpha1.SDPConnection) {
		for _, m := range manifests {
			log.Warn("A connection to ServiceDesk Plus is not served; start the server with --sdp-credentials NAMESPACE/NAME=REF",
				"connection", connectionobject.KeyOf(m).String())
		}
	}
}

// addKeeper makes a connection known, which has no token yet. The lock is held.
func (s *Source) addKeeper(key store.Key, m *v1alpha1.SDPConnection) {
	s.lastID++
	s.revision++
	k := &keeper{
		source: s, key: key, reference: s.options.Credentials[key], manifest: m, wakeups: make(chan struct{}, 1),
		row: store.Connection{
			ID: s.lastID, Key: key, UID: uuid.NewString(), Revision: s.revision, Settings: connectionobject.SettingsOf(&m.Spec, ""),
		},
	}
	s.keepers[key] = k
	delete(s.gone, key)
}

// replaceManifest has a row say at once what its manifest says: its keeper may be waiting for an answer. The lock is held.
func (s *Source) replaceManifest(k *keeper, m *v1alpha1.SDPConnection) {
	next := k.row
	next.Settings = connectionobject.SettingsOf(&m.Spec, k.row.Settings.CACertificates)
	isElsewhere := next.Settings.APIURL != k.row.Settings.APIURL || next.Settings.Edition != k.row.Settings.Edition
	if isElsewhere {
		k.refused = "" // by another ServiceDesk Plus
	}
	if isElsewhere || m.Spec.Suspend {
		next.Token, k.access = nil, redact.Secret{}
	}
	k.manifest = m
	if !reflect.DeepEqual(next, k.row) {
		s.revision++
		next.Revision = s.revision
		k.row = next
	}
	k.wakeUp()
}

// Follow keeps the connections current until ctx ends.
func (s *Source) Follow(ctx context.Context) {
	running := map[*keeper]context.CancelFunc{}
	var all sync.WaitGroup
	defer all.Wait()
	for {
		s.mu.Lock()
		wanted := slices.Collect(maps.Values(s.keepers))
		s.mu.Unlock()
		for k, cancel := range running {
			if !slices.Contains(wanted, k) {
				cancel()
				delete(running, k)
			}
		}
		for _, k := range wanted {
			if running[k] == nil {
				keeping, cancel := context.WithCancel(ctx)
				running[k] = cancel
				all.Go(func() { k.run(keeping) })
			}
		}
		select {
		case <-ctx.Done():
			for _, cancel := range running {
				cancel()
			}
			return
		case <-s.rekeyed:
		}
	}
}

// publish takes over what a keeper found out, if that is news.
func (s *Source) publish(k *keeper, f *finding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keepers[k.key] != k || k.manifest != f.manifest { // what the manifest says now is found out next
		return
	}
	next := k.row
	next.Settings, next.Token, next.Problem = f.settings, f.token, f.problem
	k.access = f.opened
	if f.token != nil && f.token.ID != k.refused {
		k.refused = ""
	}
	if reflect.DeepEqual(next, k.row) {
		return
	}
	switch {
	case f.problem != "" && f.problem != k.row.Problem:
		s.options.Log.Warn("A connection to ServiceDesk Plus has a problem",
			"connection", k.key.String(), "credentials", k.reference.String(), "problem", f.problem)
	case f.problem == "" && f.token != nil && (k.row.Token == nil || k.row.Problem != ""):
		s.options.Log.Info("A connection to ServiceDesk Plus has a token", "connection", k.key.String())
	}
	s.revision++
	next.Revision = s.revision
	k.row = next
	s.changed()
}

// ConnectionsSince implements the store of a server.
func (s *Source) ConnectionsSince(_ context.Context, after int64, limit int) ([]store.Connection, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var rows []store.Connection
	for _, k := range s.keepers {
		if k.row.Revision > after {
			rows = append(rows, k.row)
		}
	}
	for _, row := range s.gone {
		if row.Revision > after {
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b store.Connection) int { return int(a.Revision - b.Revision) })
	return rows[:min(len(rows), limit)], nil
}

// ListLookups implements the store of a server: no list is stored, and the server reads what it needs.
func (s *Source) ListLookups(context.Context, int64) ([]store.LookupState, error) { return nil, nil }

// LookupEntries implements the store of a server.
func (s *Source) LookupEntries(context.Context, int64, string) ([]store.LookupEntry, error) {
	return nil, nil
}

// StoreObservations implements the store of a server: nobody else reads lists.
func (s *Source) StoreObservations(context.Context, int64, []store.Observation) error { return nil }

// errNoConnection says that a connection was removed.
var errNoConnection = errors.New("the connection is gone")

// findRow returns the keeper of a connection by its id, and its row.
func (s *Source) findRow(id int64) (*keeper, store.Connection, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.keepers {
		if k.row.ID == id {
			return k, k.row, nil
		}
	}
	return nil, store.Connection{}, errNoConnection
}

// TakeRate implements the store of a server. Calls of all lanes count alike: the background's are a proof in ten seconds.
func (s *Source) TakeRate(ctx context.Context, connection int64, _ store.Lane, wanted int) (grant store.RateGrant, err error) {
	_, row, err := s.findRow(connection)
	if err != nil {
		return grant, err
	}
	err = s.folder.updateRate(ctx, rateName(&row), func(l *rateLog) {
		grant = l.take(time.Now(), row.Settings.RequestsPerMinute, row.Settings.Burst, wanted)
	})
	return grant, err
}

// PauseRate implements the store of a server.
func (s *Source) PauseRate(ctx context.Context, connection int64, pause time.Duration) (left time.Duration, err error) {
	_, row, err := s.findRow(connection)
	if err != nil {
		return 0, err
	}
	err = s.folder.updateRate(ctx, rateName(&row), func(l *rateLog) {
		now := time.Now()
		if until := now.Add(min(pause, store.MaxRatePause)); until.After(l.PausedUntil) {
			l.PausedUntil = until
		}
		left = l.PausedUntil.Sub(now)
	})
	return left, err
}

// rateName is what calls count under: those of another site do not.
func rateName(row *store.Connection) string { return row.Key.String() + " " + row.Settings.APIURL }

// ReportRefusal implements the store of a server: the keeper proves what is said.
func (s *Source) ReportRefusal(_ context.Context, connection int64, token string) error {
	k, row, err := s.findRow(connection)
	if err != nil || row.Token == nil || row.Token.ID != token {
		return err
	}
	s.mu.Lock()
	k.refused = token
	s.mu.Unlock()
	k.wakeUp()
	return nil
}

// OpenToken returns what a token of a row is.
func (s *Source) OpenToken(_ context.Context, uid, token string, _ []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.keepers {
		if k.row.UID == uid && k.row.Token != nil && k.row.Token.ID == token && !k.access.IsZero() {
			return []byte(k.access.Reveal()), nil
		}
	}
	return nil, errNoConnection
}

// refusedToken returns which token was refused, by its id; empty for none.
func (s *Source) refusedToken(k *keeper) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return k.refused
}

// forgetRefusal ends a refusal that is disproved.
func (s *Source) forgetRefusal(k *keeper) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k.refused = ""
}

// manifestOf returns what a keeper is to go by now.
func (s *Source) manifestOf(k *keeper) (*v1alpha1.SDPConnection, store.Connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return k.manifest, k.row
}
