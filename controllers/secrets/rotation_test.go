package secrets

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	corev1 "k8s.io/api/core/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// rotated is a Secret and a database whose password is changed.
type rotated struct {
	*testing.T
	namespace *Namespace
	owner     postgres.Options
	roles     pgtest.Roles
	db        *postgres.Store
	clock     *clocktesting.FakeClock
}

const interval = 10 * time.Minute

func newRotated(t *testing.T) *rotated {
	t.Helper()
	r := &rotated{T: t, namespace: newNamespace(t), owner: pgtest.New(t)}
	r.roles = pgtest.NewRoles(t, r.owner)
	r.owner.ConnectTimeout = time.Minute // on a busy machine a login takes seconds
	var err error
	r.db, err = postgres.Open(t.Context(), r.owner)
	require.NoError(t, err)
	t.Cleanup(r.db.Close)
	create(t, r.namespace, "first", func(s *corev1.Secret) {
		s.StringData = map[string]string{ServerAPassword: r.roles.Passwords[0], ServerBPassword: r.roles.Passwords[1]}
	})
	_, err = r.namespace.Ensure(t.Context(), r.wantSecret())
	require.NoError(t, err)
	r.clock = clocktesting.NewFakeClock(time.Now())
	return r
}

func (r *rotated) wantSecret() Wanted {
	return r.namespace.WantServerCredentials("server", r.roles.Logins, "first", true, true)
}

// rotation returns one that just started.
func (r *rotated) rotation() *Rotation {
	return &Rotation{Namespace: r.namespace, Wanted: r.wantSecret(), Roles: r.roles.Logins, Database: r.db, Interval: interval, Clock: r.clock, Log: logr.Discard()}
}

// active returns which login servers are told to use, and their password.
func (r *rotated) active() (login int, password string) {
	r.Helper()
	secret := get(r.T, r.namespace, "server")
	return slices.Index(r.roles.Logins[:], string(secret.Data[ServerUser])), string(secret.Data[ServerPassword])
}

// wantRight holds the Secret to the database: both roles log in with what it says, and nothing is left of a change.
func (r *rotated) wantRight(login int) {
	r.Helper()
	secret := get(r.T, r.namespace, "server")
	if got, _ := r.active(); got != login {
		r.Errorf("servers are told to use login %d, want %d", got, login)
	}
	if err := r.db.CheckLogin(r.Context(), r.roles.Logins[login], string(secret.Data[ServerPassword])); err != nil {
		r.Error(err)
	}
	if err := r.db.CheckLogin(r.Context(), r.roles.Logins[1-login], string(secret.Data[idlePassword])); err != nil {
		r.Error(err)
	}
	if _, isLeft := secret.Data[nextPassword]; isLeft || len(secret.Data) != 3 {
		r.Errorf("the Secret has %d values, and a next password: %t", len(secret.Data), isLeft)
	}
}

// waitForNoSessions waits until the sessions of a login that were closed are gone.
func (r *rotated) waitForNoSessions(login int) {
	r.Helper()
	require.Until(r.T, "no session is left", func() bool {
		n, err := r.db.CountSessions(r.Context(), r.roles.Logins[login])
		require.NoError(r.T, err)
		return n == 0
	})
}

// TestRotation changes the password when the interval has passed, of one role after the other, and what servers were told before
// works until then.
func TestRotation(t *testing.T) {
	t.Parallel()
	r := newRotated(t)
	rotation := r.rotation()
	told := []string{r.roles.Passwords[0]}
	for n := range 4 {
		r.waitForNoSessions(0)
		r.waitForNoSessions(1)
		require.NoError(t, rotation.check(t.Context()))
		r.clock.Step(interval - time.Second)
		require.NoError(t, rotation.check(t.Context()))
		r.wantRight(n % 2)
		r.waitForNoSessions(1 - n%2)
		r.clock.Step(time.Second)
		require.NoError(t, rotation.check(t.Context()))
		r.wantRight(1 - n%2)
		if err := r.db.CheckLogin(t.Context(), r.roles.Logins[n%2], told[n]); err != nil {
			t.Errorf("what servers were told before: %v", err)
		}
		_, password := r.active()
		if slices.Contains(told, password) || len(password) != 26 {
			t.Errorf("change %d gives a password of %d characters that is new: %t", n, len(password), !slices.Contains(told, password))
		}
		told = append(told, password)
	}
}

// step is one call of a rotation to the outside, in the order of a whole rotation.
var steps = []string{"write", "change", "login", "write"}

// errCrashed ends a rotation as a crash does: nothing comes after it.
var errCrashed = errors.New("crashed")

// crash ends a rotation at one of its steps, before or after it had its effect.
type crash struct {
	step   int
	isDone bool
}

func (c crash) String() string {
	return fmt.Sprintf("%s %d %s", map[bool]string{false: "before", true: "after"}[c.isDone], c.step, steps[c.step])
}

// crashing counts the steps of a rotation, and crashes at one.
type crashing struct {
	client.Client
	Database
	at   crash
	seen []string
}

func (c *crashing) pass(name string, act func() error) error {
	n := len(c.seen)
	c.seen = append(c.seen, name)
	if n == c.at.step && !c.at.isDone {
		return errCrashed
	}
	err := act()
	if n == c.at.step {
		return errCrashed
	}
	return err
}

func (c *crashing) Patch(ctx context.Context, o client.Object, p client.Patch, options ...client.PatchOption) error {
	return c.pass("write", func() error { return c.Client.Patch(ctx, o, p, options...) })
}

func (c *crashing) ChangePassword(ctx context.Context, role, present, next string) error {
	return c.pass("change", func() error { return c.Database.ChangePassword(ctx, role, present, next) })
}

func (c *crashing) CheckLogin(ctx context.Context, role, password string) error {
	return c.pass("login", func() error { return c.Database.CheckLogin(ctx, role, password) })
}

// crashAt runs a rotation that crashes at a step, if it has so many. It returns the steps it made, and whether it crashed.
func (r *rotated) crashAt(at crash) (made []string, crashed bool) {
	r.Helper()
	rotation := r.rotation()
	broken := &crashing{Client: r.namespace.API, Database: r.db, at: at}
	namespace := *r.namespace
	namespace.API = broken
	rotation.Namespace, rotation.Database = &namespace, broken
	err := rotation.check(r.Context())
	if crashed = errors.Is(err, errCrashed); !crashed && err != nil {
		r.Errorf("%s: %v", at, err)
	}
	return broken.seen, crashed
}

// TestRotation_Crash ends a rotation at each step, before and after its effect, and the next one at each of its own. Whatever is
// left, servers can log in with what they are told at all times, and the next rotation finishes it.
func TestRotation_Crash(t *testing.T) {
	t.Parallel()
	r := newRotated(t)
	wantLogin := func(when string) {
		t.Helper()
		login, password := r.active()
		if err := r.db.CheckLogin(t.Context(), r.roles.Logins[login], password); err != nil {
			t.Errorf("%s: what servers are told: %v", when, err)
		}
		r.waitForNoSessions(0)
		r.waitForNoSessions(1)
	}
	crashes := 0
	for first := range 2 * len(steps) {
		for second := range 2 * len(steps) {
			before, _ := r.active()
			r.clock.Step(interval)
			one, two := crash{first / 2, first%2 == 1}, crash{second / 2, second%2 == 1}
			made, crashed := r.crashAt(one)
			if want := steps[:one.step+1]; !slices.Equal(made, want) || !crashed {
				t.Fatalf("%s: the steps are %v, want %v", one, made, want)
			}
			crashes++
			wantLogin(one.String())
			if now, _ := r.active(); now == before { // it is not finished
				if _, crashed := r.crashAt(two); crashed {
					crashes++
				}
				wantLogin(one.String() + ", " + two.String())
			}
			if now, _ := r.active(); now == before {
				require.NoError(t, r.rotation().check(t.Context()))
			}
			r.wantRight(1 - before)
			r.waitForNoSessions(before)
		}
	}
	t.Logf("%d crashes", crashes)
}

// TestRotation_Late gives a role that a server still uses no new password, however long it does, and tells that once.
func TestRotation_Late(t *testing.T) {
	// not parallel: it counts by metrics of the process
	r := newRotated(t)
	rotation := r.rotation()
	r.clock.Step(interval)
	require.NoError(t, rotation.check(t.Context()))
	r.wantRight(1)
	late, rotated := valueOf(t, rotations.WithLabelValues(outcomeLate)), valueOf(t, rotations.WithLabelValues(outcomeRotated))
	server, err := pgx.Connect(t.Context(), r.roles.As(t, r.owner, 0).URL) // which did not hear of it
	require.NoError(t, err)
	for range 5 {
		r.clock.Step(interval / 2)
		require.NoError(t, rotation.check(t.Context()))
	}
	if got := valueOf(t, deliverySeconds); got != (5 * interval / 2).Seconds() {
		t.Errorf("delivery takes %v s, want %v", got, (5 * interval / 2).Seconds())
	}
	r.wantRight(1)
	if err := r.db.CheckLogin(t.Context(), r.roles.Logins[0], r.roles.Passwords[0]); err != nil {
		t.Errorf("what the late server was told: %v", err)
	}
	require.NoError(t, server.Close(t.Context()))
	r.waitForNoSessions(0)
	require.NoError(t, rotation.check(t.Context()))
	r.wantRight(0)
	gotLate, gotRotated := valueOf(t, rotations.WithLabelValues(outcomeLate))-late, valueOf(t, rotations.WithLabelValues(outcomeRotated))-rotated
	if gotLate != 1 || gotRotated != 1 {
		t.Errorf("counted %v late and %v rotated, want 1 and 1", gotLate, gotRotated)
	}
	if err := rotation.check(t.Context()); err != nil || valueOf(t, deliverySeconds) != 0 {
		t.Errorf("delivery takes %v s, %v; want 0", valueOf(t, deliverySeconds), err)
	}
}

// TestRotation_LateAfterCrash: a rotation that was begun before gives a role no password either while a server uses it, and goes on at
// once where the role has it already.
func TestRotation_LateAfterCrash(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		at crash
		// isGiven says that the role got its password before the crash.
		isGiven bool
	}{
		"before the role gets it": {crash{step: 1}, false},
		"after the role got it":   {crash{step: 1, isDone: true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRotated(t)
			r.clock.Step(interval)
			server, err := pgx.Connect(t.Context(), r.roles.As(t, r.owner, 1).URL) // it comes while nobody looks
			require.NoError(t, err)
			t.Cleanup(func() { _ = server.Close(context.Background()) })
			broken := &crashing{Client: r.namespace.API, Database: unwatched{r.db}, at: tc.at}
			crashed := r.rotation()
			crashed.Namespace, crashed.Database = &Namespace{Name: r.namespace.Name, API: broken, Owner: r.namespace.Owner, Log: logr.Discard()}, broken
			if err := crashed.check(t.Context()); !errors.Is(err, errCrashed) {
				t.Fatalf("it did not crash: %v", err)
			}
			rotation := r.rotation()
			require.NoError(t, rotation.check(t.Context()))
			if tc.isGiven {
				r.wantRight(1)
				return
			}
			if login, _ := r.active(); login != 0 {
				t.Errorf("servers are told to use login %d", login)
			}
			if err := r.db.CheckLogin(t.Context(), r.roles.Logins[1], r.roles.Passwords[1]); err != nil {
				t.Errorf("what the late server was told: %v", err)
			}
			require.NoError(t, server.Close(t.Context()))
			r.waitForNoSessions(1)
			require.NoError(t, rotation.check(t.Context()))
			r.wantRight(1)
		})
	}
}

// unwatched is a database in which nobody is seen.
type unwatched struct{ Database }

func (unwatched) CountSessions(context.Context, string) (int, error) { return 0, nil }

// valueOf returns what a metric says.
func valueOf(t *testing.T, metric prometheus.Metric) float64 {
	t.Helper()
	var said dto.Metric
	require.NoError(t, metric.Write(&said))
	return said.GetCounter().GetValue() + said.GetGauge().GetValue()
}

// TestRotation_ForeignPassword: where a role has another password than the Secret says, servers are told to use the other one, and
// who is to put it right is told how.
func TestRotation_ForeignPassword(t *testing.T) {
	t.Parallel()
	r := newRotated(t)
	rotation := r.rotation()
	thief := pgtest.Connect(t, r.roles.As(t, r.owner, 0))
	_, err := thief.Exec(t.Context(), "alter role current_user password 'stolen'")
	require.NoError(t, err)
	if err := rotation.check(t.Context()); !errors.Is(err, store.ErrLoginRefused) || !strings.Contains(err.Error(), "servers are told to use role") {
		t.Errorf("the role in use has another password: %v", err)
	}
	if login, password := r.active(); login != 1 || password != r.roles.Passwords[1] {
		t.Errorf("servers are told to use login %d", login)
	}
	require.NoError(t, rotation.check(t.Context()))
	require.NoError(t, thief.Close(t.Context()))
	r.waitForNoSessions(0)
	r.clock.Step(interval)
	for range 2 { // with a password that is written down already, too
		if err := rotation.check(t.Context()); !errors.Is(err, store.ErrLoginRefused) || !strings.Contains(err.Error(), "give it that one") {
			t.Errorf("the other role has another password: %v", err)
		}
	}
	if login, password := r.active(); login != 1 || password != r.roles.Passwords[1] {
		t.Errorf("servers are told to use login %d", login)
	}
	admin := pgtest.Connect(t, pgtest.AsSuperuser(t, r.owner))
	_, err = admin.Exec(t.Context(), fmt.Sprintf("alter role %s password '%s'", r.roles.Logins[0], get(t, r.namespace, "server").Data[idlePassword]))
	require.NoError(t, err)
	require.NoError(t, rotation.check(t.Context()))
	r.wantRight(0)
}

// TestRotation_Secrets: what is no Secret of ours, or has another user, is not changed.
func TestRotation_Secrets(t *testing.T) {
	t.Parallel()
	r := newRotated(t)
	for name, tc := range map[string]struct {
		change func(*corev1.Secret)
		want   string
	}{
		"another's":      {func(s *corev1.Secret) { s.Labels = nil }, "was not made by Lectern's controller, which changes no password in it"},
		"another user":   {func(s *corev1.Secret) { s.Data[ServerUser] = []byte("nobody") }, `has the user "nobody"`},
		"half of it":     {func(s *corev1.Secret) { delete(s.Data, idlePassword) }, "lacks the keys idle-password"},
		"changed since":  {nil, "the object has been modified"},
		"without a time": {func(s *corev1.Secret) { s.Annotations = nil }, ""},
	} {
		r.waitForNoSessions(0)
		r.waitForNoSessions(1)
		r.clock.Step(interval)
		before := get(t, r.namespace, "server")
		rotation := r.rotation()
		if tc.change != nil {
			edit(t, r.namespace, "server", tc.change)
		} else {
			rotation.Database = meanwhile{r.db, func() { edit(t, r.namespace, "server", func(s *corev1.Secret) { s.Labels["changed"] = "meanwhile" }) }}
		}
		err := rotation.check(t.Context())
		if tc.want == "" {
			require.NoError(t, err)
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
		edit(t, r.namespace, "server", func(s *corev1.Secret) { s.Data, s.Labels = before.Data, before.Labels })
	}
}

// meanwhile is a database during whose first question something happens.
type meanwhile struct {
	Database
	happens func()
}

func (m meanwhile) CountSessions(ctx context.Context, role string) (int, error) {
	m.happens()
	return m.Database.CountSessions(ctx, role)
}

// TestRotation_AgeOf: a clock that went back does not keep a password for ever.
func TestRotation_AgeOf(t *testing.T) {
	t.Parallel()
	clock := clocktesting.NewFakeClock(time.Unix(1000, 0))
	r := &Rotation{Clock: clock}
	future := time.Unix(5000, 0)
	if got := r.ageOf(future); got != 0 {
		t.Errorf("of a change in the future: %s", got)
	}
	clock.Step(time.Minute)
	if got := r.ageOf(future); got != time.Minute {
		t.Errorf("a minute later: %s", got)
	}
	if got := r.ageOf(time.Unix(1030, 0)); got != 30*time.Second {
		t.Errorf("of a change half a minute ago: %s", got)
	}
}
