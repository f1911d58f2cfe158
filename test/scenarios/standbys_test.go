package scenarios

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// standbyStack is for a Postgres whose place others take. It compares often enough for a test to wait for it.
var standbyStack = startOnce(testenv.StackOptions{ControllerArgs: []string{"--comparison-interval=10s"}})

// promise is a version that the status of an object told of.
type promise struct {
	name    string
	version int64
}

// standbys is a scenario whose database is on one server after the other, behind pgbouncer in transaction mode, with a way past
// that for LISTEN: as a cluster with a pooler has it.
type standbys struct {
	*scenario
	forwarder *testenv.Forwarder

	mu       sync.Mutex
	promises map[promise]string // the digest
}

// TestStandbys has two standbys take their primary's place in turns, while people edit and a pooler is between: a synchronous
// one has all that was published, and what an asynchronous one lacks is published again under its old number.
func TestStandbys(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := &standbys{scenario: startScenario(t, standbyStack(t)), promises: map[promise]string{}}
	primary := s.Postgres
	var err error
	s.forwarder, err = testenv.StartForwarder(primary.URL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.forwarder.Stop()) })
	s.putPoolerBetween(t)
	for i := range standbyPrompts {
		require.NoError(t, s.createPrompts(ctx, s.newPrompt(fmt.Sprintf("p%d", i), "As created")))
	}
	require.NoError(t, s.waitUntilPublished(ctx))

	second, err := primary.StartStandby(ctx)
	require.NoError(t, err)
	t.Cleanup(second.Stop)
	s.losePrimaryOfSynchronousStandby(t, primary, second)
	third, err := second.StartStandby(ctx)
	require.NoError(t, err)
	t.Cleanup(third.Stop)
	s.losePrimaryOfAsynchronousStandby(t, second, third)
}

const standbyPrompts = 12

// putPoolerBetween restarts everything with the pooler and the way past it.
func (s *standbys) putPoolerBetween(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	pooler, err := testenv.StartPgbouncer(ctx, testenv.PoolTransactions, 10, s.forwarder.Route(s.OwnerURL), s.forwarder.Route(s.ServerURL))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, pooler.Stop()) })
	require.NoError(t, s.RouteDatabase(pooler.Route))
	for _, name := range []string{testenv.Controller, testenv.Server1, testenv.Server2} {
		past := s.ServerURL
		if name == testenv.Controller {
			past = s.OwnerURL
		}
		file := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(file, []byte(s.forwarder.Route(past)), 0o600))
		require.NoError(t, s.Restart(ctx, name, "LECTERN_DATABASE_LISTEN_URL_FILE="+file))
	}
	for i, endpoint := range s.Endpoints {
		s.agents[i].close()
		s.agents[i], err = connect(ctx, endpoint, "")
		require.NoError(t, err)
	}
}

// losePrimaryOfSynchronousStandby kills a primary while people edit. Whatever a status told of is in the standby that takes
// its place, and nothing is there twice.
func (s *standbys) losePrimaryOfSynchronousStandby(t *testing.T, primary, standby *testenv.Postgres) {
	t.Helper()
	ctx := t.Context()
	database, err := pgx.ParseConfig(s.OwnerURL)
	require.NoError(t, err)
	for _, statement := range []string{
		"alter database " + pgx.Identifier{database.Database}.Sanitize() + " set synchronous_commit = on", // tests' servers have it off
		"alter system set synchronous_standby_names = '*'", "select pg_reload_conf()",
		"select pg_terminate_backend(pid) from pg_stat_activity where datname = '" + database.Database + "'", // new sessions have it
	} {
		require.NoError(t, primary.Exec(ctx, statement))
	}
	require.NoError(t, wait.Until(ctx, func(ctx context.Context) error { return s.checkSynchronous(ctx, primary) }))

	edits := s.startEditing(t, "while the primary lives")
	require.NoError(t, s.waitForPromises(ctx, 40))
	t.Logf("synchronous: 40 versions were published before the primary is lost")
	require.NoError(t, primary.CrashServer(context.WithoutCancel(ctx)))
	lost := time.Now()
	require.NoError(t, standby.Promote(ctx))
	s.forwarder.Move(standby.URL)
	before := s.countPromises()
	require.NoError(t, s.waitForPromises(ctx, before+20))
	t.Logf("synchronous: 20 more versions were published %s after the primary was lost", time.Since(lost).Round(time.Millisecond))
	total := edits()
	require.NoError(t, s.waitUntilStored(ctx))
	require.NoError(t, s.verifyPromises(ctx, nil))
	twice := s.countTwice(t)
	t.Logf("synchronous: %d edits, %d versions told of by a status, all stored under their numbers; %d texts stored twice", total, s.countPromises(), twice)
	if twice > 0 {
		t.Errorf("%d texts were published twice", twice)
	}
}

// losePrimaryOfAsynchronousStandby kills a primary that has what its standby lacks. One server is silent until the new primary
// has given out the same revisions again, for other changes.
func (s *standbys) losePrimaryOfAsynchronousStandby(t *testing.T, primary, standby *testenv.Postgres) {
	t.Helper()
	ctx := t.Context()
	require.NoError(t, standby.CatchUp(ctx, primary))
	require.NoError(t, standby.StopServer(ctx))
	lost := []string{"p0", "p1", "p2"}
	for _, text := range []string{"Lost for good", "Lost and published again"} {
		for _, name := range lost {
			require.NoError(t, s.editText(ctx, name, text+" "+name))
			_, err := s.waitForReason(ctx, name, v1alpha1.ReasonPublished)
			require.NoError(t, err)
			require.NoError(t, s.notePromises(ctx))
			require.NoError(t, s.waitUntilServed(ctx, name, nil, text+" "+name))
		}
	}
	for i := range standbyPrompts { // held by both servers
		for _, a := range s.agents {
			_, err := a.getPrompt(ctx, fmt.Sprintf("%s.p%d", s.namespace, i), nil)
			require.NoError(t, err)
		}
	}
	require.NoError(t, primary.CrashServer(context.WithoutCancel(ctx)))
	silent := s.Pid(testenv.Server2)
	require.NoError(t, syscall.Kill(silent, syscall.SIGSTOP))
	t.Cleanup(func() { _ = syscall.Kill(silent, syscall.SIGCONT) })
	for i := 3; i < standbyPrompts; i++ {
		require.NoError(t, s.editText(ctx, fmt.Sprintf("p%d", i), fmt.Sprintf("Edited in between p%d", i)))
	}
	require.NoError(t, standby.StartServer(ctx))
	require.NoError(t, standby.Promote(ctx))
	s.forwarder.Move(standby.URL)
	moved := time.Now()
	require.NoError(t, s.waitUntilStored(ctx))
	t.Logf("asynchronous: what was lost was published again %s after the database had moved (comparisons are 10 s apart)", time.Since(moved).Round(time.Millisecond))
	require.NoError(t, syscall.Kill(silent, syscall.SIGCONT))
	gone := map[promise]bool{}
	for p := range s.promises {
		if p.name == "p0" || p.name == "p1" || p.name == "p2" {
			gone[p] = true
		}
	}
	require.NoError(t, s.notePromises(ctx))
	require.NoError(t, s.verifyPromises(ctx, gone))
	for i := range standbyPrompts {
		name := fmt.Sprintf("p%d", i)
		want := "Edited in between " + name
		if i < len(lost) {
			want = "Lost and published again " + name
		}
		require.NoError(t, s.waitUntilServed(ctx, name, nil, want))
	}
}

func (s *standbys) query(ctx context.Context, into []any, sql string, args ...any) error {
	conn, err := pgx.Connect(ctx, s.forwarder.Route(s.OwnerURL))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return conn.QueryRow(ctx, sql, args...).Scan(into...)
}

func (s *standbys) checkSynchronous(ctx context.Context, primary *testenv.Postgres) error {
	conn, err := pgx.Connect(ctx, primary.URL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var standbys int
	err = conn.QueryRow(ctx, "select count(*) from pg_stat_replication where sync_state = 'sync'").Scan(&standbys)
	if err == nil && standbys != 1 {
		err = errors.New("no standby is synchronous yet")
	}
	return err
}

// startEditing has people edit every prompt again and again, each text another, and their statuses read. What it returns ends
// that, and counts the edits.
func (s *standbys) startEditing(t *testing.T, words string) (end func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var group errgroup.Group
	edits := make([]int, standbyPrompts)
	for i := range standbyPrompts {
		name := fmt.Sprintf("p%d", i)
		group.Go(func() error {
			for ; ctx.Err() == nil; edits[i]++ {
				if err := s.editText(context.WithoutCancel(ctx), name, fmt.Sprintf("Edit %d of %s %s", edits[i], name, words)); err != nil {
					return err
				}
				pause := time.NewTimer(250 * time.Millisecond)
				select {
				case <-ctx.Done():
				case <-pause.C:
				}
				pause.Stop()
			}
			return nil
		})
	}
	return func() (total int) {
		cancel()
		require.NoError(t, group.Wait())
		for _, n := range edits {
			total += n
		}
		return total
	}
}

var errNumberUsedTwice = errors.New("a number of a version was used twice")

// notePromises remembers what the statuses tell of. One number with two digests is errNumberUsedTwice.
func (s *standbys) notePromises(ctx context.Context) error {
	var all v1alpha1.PromptList
	if err := s.listObjects(ctx, &all); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range all.Items {
		p := &all.Items[i]
		if p.Status.Version == 0 {
			continue
		}
		told := promise{p.Name, p.Status.Version}
		if before, known := s.promises[told]; known && before != p.Status.Digest {
			return wait.Permanent(fmt.Errorf("%w: version %d of %s had digest %s and has %s", errNumberUsedTwice, told.version, told.name, before, p.Status.Digest))
		}
		s.promises[told] = p.Status.Digest
	}
	return nil
}

func (s *standbys) countPromises() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.promises)
}

// waitForPromises waits until statuses told of so many versions.
func (s *standbys) waitForPromises(ctx context.Context, count int) error {
	return s.waitWhileControllerRuns(ctx, func(ctx context.Context) error {
		if err := s.notePromises(ctx); err != nil {
			return err
		}
		if got := s.countPromises(); got < count {
			return fmt.Errorf("statuses told of %d versions; want %d", got, count)
		}
		return nil
	})
}

// waitUntilStored waits until the database has, of every object as it is, the version its status tells of as the newest.
func (s *standbys) waitUntilStored(ctx context.Context) error {
	return s.waitWhileControllerRuns(ctx, func(ctx context.Context) error {
		var all v1alpha1.PromptList
		if err := s.listObjects(ctx, &all); err != nil {
			return err
		}
		for i := range all.Items {
			p := &all.Items[i]
			if said, _ := readyCondition(p); said != v1alpha1.ReasonPublished || p.Status.ObservedGeneration != p.Generation {
				return fmt.Errorf("%s is not published as it is: %+v", p.Name, p.Status)
			}
			var version int64
			var digest string
			if err := s.query(ctx, []any{&version, &digest}, "select highest_version, digest from prompts where namespace = $1 and name = $2", s.namespace, p.Name); err != nil {
				return err
			}
			if version != p.Status.Version || digest != p.Status.Digest {
				return fmt.Errorf("the newest version of %s is %d (%s); its status says %d (%s)", p.Name, version, digest, p.Status.Version, p.Status.Digest)
			}
		}
		return nil
	})
}

// verifyPromises holds what is stored against what statuses told of: every number has the digest it was told with, and only
// what may be gone is.
func (s *standbys) verifyPromises(ctx context.Context, mayBeGone map[promise]bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var wrong []error
	for told, want := range s.promises {
		var got string
		err := s.query(ctx, []any{&got}, `select v.digest from prompt_versions v join prompts p on p.id = v.prompt_id
			where p.namespace = $1 and p.name = $2 and v.version = $3`, s.namespace, told.name, told.version)
		switch {
		case errors.Is(err, pgx.ErrNoRows) && mayBeGone[told]:
		case err != nil:
			wrong = append(wrong, fmt.Errorf("version %d of %s: %w", told.version, told.name, err))
		case got != want:
			wrong = append(wrong, fmt.Errorf("version %d of %s has digest %s, and was told of with %s", told.version, told.name, got, want))
		}
	}
	return errors.Join(wrong...)
}

// countTwice counts the texts that are stored more than once under a name: all edits differ.
func (s *standbys) countTwice(t *testing.T) (twice int) {
	t.Helper()
	require.NoError(t, s.query(t.Context(), []any{&twice}, `
		select count(*) from (select 1 from prompt_versions v join prompts p on p.id = v.prompt_id where p.namespace = $1
		  group by p.id, v.digest having count(*) > 1) repeated`, s.namespace))
	return twice
}
