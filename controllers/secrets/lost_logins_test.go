package secrets

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// deleteSecret deletes a Secret as somebody does by mistake, or to have it made anew.
func (r *rotated) deleteSecret(name string) {
	r.Helper()
	require.NoError(r.T, r.namespace.API.Delete(r.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: r.namespace.Name, Name: name}}))
}

// wantLogin holds a login of the database to a password.
func (r *rotated) wantLogin(login int, password string) {
	r.Helper()
	if err := r.db.CheckLogin(r.Context(), r.roles.Logins[login], password); err != nil {
		r.Errorf("what servers were told of login %d: %v", login, err)
	}
}

// TestRotation_MakesADeletedSecretAgain: servers are told again what they were told last, and both roles keep their passwords.
func TestRotation_MakesADeletedSecretAgain(t *testing.T) {
	t.Parallel()
	r := newRotated(t)
	rotation := r.rotation()
	r.clock.Step(interval)
	require.NoError(t, rotation.check(t.Context()))
	r.wantRight(1)
	before := get(t, r.namespace, "server")
	r.deleteSecret("first") // nobody has to keep it
	r.deleteSecret("server")
	r.clock.Step(interval)
	require.NoError(t, rotation.check(t.Context()))
	after := get(t, r.namespace, "server")
	if fmt.Sprint(texts(after.Data)) != fmt.Sprint(texts(before.Data)) || !isOurs(after) || fmt.Sprint(after.OwnerReferences) != fmt.Sprint(before.OwnerReferences) {
		t.Errorf("the Secret made again says something else, or is another's: %v", after.ObjectMeta)
	}
	require.NoError(t, rotation.check(t.Context())) // an interval begins
	r.wantRight(1)
	r.waitForNoSessions(0)
	r.clock.Step(interval)
	require.NoError(t, rotation.check(t.Context()))
	r.wantRight(0)
}

// TestRotation_MakesASecretAgainAmidARotation: whatever a rotation had done, servers are told what they were told last.
func TestRotation_MakesASecretAgainAmidARotation(t *testing.T) {
	t.Parallel()
	r := newRotated(t)
	for at := range 2 * (len(steps) - 1) {
		before, password := r.active()
		r.clock.Step(interval)
		rotation, broken := r.rotation(), &crashing{Client: r.namespace.API, Database: r.db, at: crash{at / 2, at%2 == 1}}
		rotation.Namespace, rotation.Database = &Namespace{Name: r.namespace.Name, API: broken, Owner: r.namespace.Owner, Log: logr.Discard()}, broken
		if err := rotation.check(t.Context()); !errors.Is(err, errCrashed) {
			t.Fatalf("%s: it did not crash: %v", broken.at, err)
		}
		rotation.Namespace, rotation.Database = r.namespace, r.db
		r.deleteSecret("server")
		require.NoError(t, rotation.check(t.Context()))
		r.wantRight(before)
		if _, again := r.active(); again != password {
			t.Errorf("%s: servers are told another password", broken.at)
		}
		r.waitForNoSessions(0)
		r.waitForNoSessions(1)
		r.clock.Step(interval)
		require.NoError(t, rotation.check(t.Context()))
		r.wantRight(1 - before)
		r.waitForNoSessions(0)
		r.waitForNoSessions(1)
	}
}

// TestRotation_MakesASecretOfFirstPasswords: a controller that started after the Secret was deleted knows the first passwords only.
// One role may still have its own; where none does, no Secret is made, so that servers keep what they have mounted.
func TestRotation_MakesASecretOfFirstPasswords(t *testing.T) {
	t.Parallel()
	r := newRotated(t)
	r.clock.Step(interval)
	require.NoError(t, r.rotation().check(t.Context()))
	_, told := r.active()
	r.deleteSecret("server")
	rotation := r.rotation()
	require.NoError(t, rotation.check(t.Context()))
	if login, password := r.active(); login != 0 || password != r.roles.Passwords[0] {
		t.Errorf("servers are told to use login %d", login)
	}
	r.wantLogin(1, told)
	r.waitForNoSessions(1)
	r.clock.Step(interval)
	if err := rotation.check(t.Context()); !errors.Is(err, store.ErrLoginRefused) || !strings.Contains(err.Error(), "give it that one") {
		t.Errorf("the other role's password is not known: %v", err)
	}
	r.wantLogin(1, told)

	admin := pgtest.Connect(t, pgtest.AsSuperuser(t, r.owner))
	set := func(login int, password string) {
		t.Helper()
		_, err := admin.Exec(t.Context(), fmt.Sprintf("alter role %s password '%s'", r.roles.Logins[login], password))
		require.NoError(t, err)
	}
	set(0, "another")
	r.deleteSecret("server")
	restarted := r.rotation()
	for range 2 {
		if err := restarted.check(t.Context()); !errors.Is(err, store.ErrLoginRefused) || !strings.Contains(err.Error(), "servers go on with those they have mounted") {
			t.Errorf("no role's password is known: %v", err)
		}
	}
	if _, err := r.namespace.Get(t.Context(), "server"); !apierrors.IsNotFound(err) {
		t.Errorf("a Secret is made by which nobody logs in: %v", err)
	}
	set(1, r.roles.Passwords[1])
	require.NoError(t, restarted.check(t.Context()))
	if login, password := r.active(); login != 1 || password != r.roles.Passwords[1] {
		t.Errorf("servers are told to use login %d", login)
	}
	set(0, string(get(t, r.namespace, "server").Data[idlePassword]))
	r.wantRight(1)
}

// TestRotation_MakesASecretAgainWithoutInterval: where no password is changed, the first ones are right.
func TestRotation_MakesASecretAgainWithoutInterval(t *testing.T) {
	t.Parallel()
	r := newRotated(t)
	rotation := r.rotation()
	rotation.Interval, rotation.Database = 0, nil // which is not asked
	for range 2 {
		r.deleteSecret("server")
		require.NoError(t, rotation.check(t.Context()))
		r.wantRight(0)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.NoError(t, rotation.Start(ctx))
}
