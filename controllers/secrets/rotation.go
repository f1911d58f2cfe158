package secrets

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/internal/store"
)

// MinRotationInterval leaves room for a mounted Secret to arrive, which takes a kubelet up to 90 s, and for connections of before to
// be renewed.
const MinRotationInterval = 10 * time.Minute

// checksPerInterval says how often a rotation looks at what it has to do, maxCheckPause how seldom it may.
const (
	checksPerInterval = 20
	maxCheckPause     = time.Minute
)

// Database is what a rotation needs of the database.
type Database interface {
	// CheckLogin and ChangePassword return an error that wraps store.ErrLoginRefused when the role has another password.
	CheckLogin(ctx context.Context, role, password string) error
	ChangePassword(ctx context.Context, role, present, next string) error
	CountSessions(ctx context.Context, role string) (int, error)
}

// Rotation changes the password that servers log in with, every so often. There are two roles. The one that no server uses gets a new
// password, by logging in as it, and then servers are told to use that one. So what a server was told last, or before, works
// until it was told twice, however late it learns of it.
//
// Each step can be the last one before a crash, and is found again in the Secret and in the database:
//
//  1. The new password is written into the Secret, beside the ones in use.
//  2. The idle role gets it, unless it has it already.
//  3. The idle role logs in with it.
//  4. User and password in the Secret become those of this role, in one write.
//
// Where the Secret is gone, it is made again: lost_logins.go.
type Rotation struct {
	Namespace *Namespace
	// Wanted is the Secret, made of the first passwords.
	Wanted   Wanted
	Roles    [2]string
	Database Database
	// Interval is 0 where no password is changed.
	Interval time.Duration
	Clock    clock.WithTicker
	Log      logr.Logger

	// known is what the Secret said last, as far as this process read or wrote it.
	known logins
	// seen is the last change that was read, seenAt when it was first, and isLate whether it was told that servers do not use it.
	seen, seenAt time.Time
	isLate       bool
}

// NeedLeaderElection has the leader alone change passwords.
func (r *Rotation) NeedLeaderElection() bool { return true }

// Start changes the password whenever that is due, until ctx ends.
func (r *Rotation) Start(ctx context.Context) error {
	rotationInterval.Set(r.Interval.Seconds())
	pause := maxCheckPause
	if r.Interval > 0 {
		pause = min(r.Interval/checksPerInterval, maxCheckPause)
	}
	tick := r.Clock.NewTicker(pause)
	defer tick.Stop()
	for {
		if err := r.check(ctx); err != nil && ctx.Err() == nil {
			outcome := outcomeFailed
			if errors.Is(err, store.ErrLoginRefused) {
				outcome = outcomeRefused
			}
			rotations.WithLabelValues(outcome).Inc()
			r.Log.Error(err, "Cannot keep or change the servers' database password, trying again; the one in use stays valid", "outcome", outcome)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C():
		}
	}
}

// check changes the password if that is due and no server uses the role that would get it, and has servers use the other role when
// the one in use has another password than they were told.
func (r *Rotation) check(ctx context.Context) error {
	secret, err := r.Namespace.Ensure(ctx, r.wantSecret())
	if err != nil || r.Interval == 0 {
		return err
	}
	found, err := readLogins(secret, r.Roles)
	if err != nil {
		return err
	}
	r.known = found
	sessions, err := r.Database.CountSessions(ctx, found.idle.role)
	if err != nil {
		return err
	}
	age := r.ageOf(found.changedAt)
	r.reportDelivery(sessions, age, found.changedAt)
	if found.next == "" && age < r.Interval {
		return r.checkActive(ctx, secret, found)
	}
	hasNext, err := r.hasNext(ctx, found)
	switch {
	case err != nil:
		return err
	case !hasNext && sessions > 0:
		r.reportLate(found, sessions, age)
		return nil
	}
	return r.rotate(ctx, secret, found, hasNext)
}

// hasNext says whether the idle role has its next password already, from a rotation that was begun before.
func (r *Rotation) hasNext(ctx context.Context, found logins) (bool, error) {
	if found.next == "" {
		return false, nil
	}
	err := r.Database.CheckLogin(ctx, found.idle.role, found.next)
	if errors.Is(err, store.ErrLoginRefused) {
		return false, nil
	}
	return err == nil, err
}

// ageOf returns how long ago a change was, by a clock that may differ from the one of who made it.
func (r *Rotation) ageOf(changedAt time.Time) time.Duration {
	now := r.Clock.Now()
	if !changedAt.Equal(r.seen) || r.seenAt.IsZero() {
		r.seen, r.seenAt, r.isLate = changedAt, now, false
	}
	return max(now.Sub(changedAt), now.Sub(r.seenAt))
}

func (r *Rotation) reportDelivery(sessions int, age time.Duration, changedAt time.Time) {
	if sessions == 0 || changedAt.IsZero() {
		age = 0
	}
	deliverySeconds.Set(age.Seconds())
}

// reportLate tells once after each change that a server still uses what it was told before.
func (r *Rotation) reportLate(found logins, sessions int, age time.Duration) {
	if r.isLate {
		return
	}
	r.isLate = true
	rotations.WithLabelValues(outcomeLate).Inc()
	r.Log.Error(errors.New("servers are connected by the role that is to get a new password"), "The servers' database password is not changed until all servers use the present one",
		"role", found.idle.role, "sessions", sessions, "present", found.active.role, "age", age.Round(time.Second))
}

func (r *Rotation) rotate(ctx context.Context, secret *corev1.Secret, found logins, hasNext bool) error {
	if found.next == "" {
		found.next = newPassword()
		err := r.write(ctx, secret, func(s *corev1.Secret) { s.Data[nextPassword] = []byte(found.next) })
		if err != nil {
			return fmt.Errorf("write down the next password: %w", err)
		}
	}
	if !hasNext {
		if err := r.giveNext(ctx, found); err != nil {
			return err
		}
	}
	if err := r.handOver(ctx, secret, login{found.idle.role, found.next}, found.active); err != nil {
		return err
	}
	rotations.WithLabelValues(outcomeRotated).Inc()
	r.Log.Info("Changed the servers' database password", "role", found.idle.role, "before", found.active.role)
	return nil
}

// handOver has servers use another role from now on.
func (r *Rotation) handOver(ctx context.Context, secret *corev1.Secret, to, from login) error {
	err := r.write(ctx, secret, func(s *corev1.Secret) {
		s.Data[ServerUser], s.Data[ServerPassword], s.Data[idlePassword] = []byte(to.role), []byte(to.password), []byte(from.password)
		delete(s.Data, nextPassword)
		metav1.SetMetaDataAnnotation(&s.ObjectMeta, changedAtAnnotation, formatTime(r.Clock.Now()))
	})
	if err != nil {
		return fmt.Errorf("hand role %q to servers: %w", to.role, err)
	}
	return nil
}

// checkActive has servers use the idle role, with the password it has, when the one in use does not log in: whoever has a role may
// change its password, and a database that went back in time has an older one.
func (r *Rotation) checkActive(ctx context.Context, secret *corev1.Secret, found logins) error {
	refused := r.Database.CheckLogin(ctx, found.active.role, found.active.password)
	if !errors.Is(refused, store.ErrLoginRefused) {
		return refused
	}
	if err := r.Database.CheckLogin(ctx, found.idle.role, found.idle.password); err != nil {
		return errors.Join(refused, err)
	}
	if err := r.handOver(ctx, secret, found.idle, found.active); err != nil {
		return err
	}
	return fmt.Errorf("servers are told to use role %q, since %q has another password than Secret %s says; give it that one (%s): %w",
		found.idle.role, found.active.role, r.Namespace.keyOf(r.Wanted.Name), idlePassword, refused)
}

// giveNext gives the idle role its next password, and makes sure that it has it.
func (r *Rotation) giveNext(ctx context.Context, found logins) error {
	err := r.Database.ChangePassword(ctx, found.idle.role, found.idle.password, found.next)
	if errors.Is(err, store.ErrLoginRefused) {
		return fmt.Errorf("role %q has another password than Secret %s says in %s; give it that one: %w",
			found.idle.role, r.Namespace.keyOf(r.Wanted.Name), idlePassword, err)
	}
	if err != nil {
		return err
	}
	return r.Database.CheckLogin(ctx, found.idle.role, found.next)
}

// write changes the Secret as it was read: who read it before another one changed it changes nothing.
func (r *Rotation) write(ctx context.Context, secret *corev1.Secret, change func(*corev1.Secret)) error {
	before := secret.DeepCopy()
	change(secret)
	if err := r.Namespace.API.Patch(ctx, secret, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		return err
	}
	written, err := readLogins(secret, r.Roles)
	if err == nil {
		r.known = written
	}
	return err
}
