package secrets

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/internal/seal"
)

const (
	// SealRotationAnnotation asks for another seal key: the time at which it was asked for.
	SealRotationAnnotation = "lectern.dev/seal-rotation-requested-at"
	// sealHandledAnnotation is the last such request for which a key was added.
	sealHandledAnnotation = "lectern.dev/seal-rotation-handled-at"
	// sealAddedAnnotation is when the newest key was added, sealPromotedAnnotation when the one that seals became that.
	sealAddedAnnotation    = "lectern.dev/seal-key-added-at"
	sealPromotedAnnotation = "lectern.dev/seal-key-promoted-at"
)

const (
	// SealPromotionDelay is how long a new key only opens: longer than a kubelet takes to bring it to every server.
	SealPromotionDelay = 10 * time.Minute
	// SealDropDelay is how long the key before it still opens.
	SealDropDelay = 24 * time.Hour
)

// sealStep is what a rotation does next.
type sealStep string

const (
	sealRest    sealStep = "rest"
	sealAdd     sealStep = "add"
	sealPromote sealStep = "promote"
	sealDrop    sealStep = "drop"
)

// sealState is how far a rotation is, as its Secret says.
type sealState struct {
	keyset seal.StorageKeyset
	// requested and handled are what was asked for last, and what a key was added for: whoever asks has a clock of their own.
	requested, handled string
	// added and promoted are zero where that never was.
	added, promoted time.Time
}

// decideSealStep decides what a rotation does. A key that was added after the last promotion waits to seal; one that is older has
// sealed, and waits to go.
func decideSealStep(s sealState, now time.Time) sealStep {
	switch {
	case len(s.keyset.Others) == 0 && s.requested != s.handled:
		return sealAdd
	case len(s.keyset.Others) == 0:
		return sealRest
	case s.added.After(s.promoted):
		if now.Before(s.added.Add(SealPromotionDelay)) {
			return sealRest
		}
		return sealPromote
	case now.Before(s.promoted.Add(SealDropDelay)):
		return sealRest
	}
	return sealDrop
}

// SealRotation replaces the seal key when that is asked for (lectern seal rotate): a new key is added, seals after
// SealPromotionDelay, what is stored is sealed again with it, and the one before goes after SealDropDelay. Each step is one write of
// the Secret, and whoever takes over finds it there.
type SealRotation struct {
	Namespace *Namespace
	Secret    string
	Keys      *seal.StorageKeys
	// Reseal seals what is stored with the key that seals, and returns how much is left that another one of the keys sealed.
	Reseal func(ctx context.Context) (left int, err error)
	Clock  clock.WithTicker
	Log    logr.Logger
}

// NeedLeaderElection has the leader alone rotate.
func (r *SealRotation) NeedLeaderElection() bool { return true }

// Start looks whenever the Secret is read whether there is something to do, until ctx ends.
func (r *SealRotation) Start(ctx context.Context) error {
	tick := r.Clock.NewTicker(SealReadInterval)
	defer tick.Stop()
	for {
		if err := r.check(ctx); err != nil && ctx.Err() == nil {
			r.Log.Error(err, "Cannot rotate the seal key, trying again; the keys of before stay in use")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C():
		}
	}
}

// check makes the next step, and seals again what is not sealed by the key that seals.
func (r *SealRotation) check(ctx context.Context) error {
	secret, err := r.Namespace.Get(ctx, r.Secret)
	if err != nil {
		return err
	}
	state, err := readSealState(secret)
	if err != nil {
		return fmt.Errorf("%s of Secret %s: %w", SealKeyset, client.ObjectKeyFromObject(secret), err)
	}
	if err := r.Keys.Replace(state.keyset.Text()); err != nil {
		return err
	}
	if !isOurs(secret) {
		return nil // whoever makes it rotates it
	}
	step := decideSealStep(state, r.Clock.Now())
	if len(state.keyset.Others) > 0 && !state.added.After(state.promoted) {
		left, err := r.Reseal(ctx)
		if err != nil {
			return err
		}
		if left > 0 && step == sealDrop {
			return fmt.Errorf("%d stored tokens are still sealed by the key of before, which therefore stays", left)
		}
	}
	if step == sealRest {
		return nil
	}
	return r.write(ctx, secret, state, step)
}

// write makes a step, on the Secret as it was read.
func (r *SealRotation) write(ctx context.Context, secret *corev1.Secret, state sealState, step sealStep) error {
	var next seal.StorageKeyset
	var err error
	annotation := ""
	switch step {
	case sealAdd:
		next, err = state.keyset.Add()
		annotation = sealAddedAnnotation
	case sealPromote:
		next, err = state.keyset.Promote(state.keyset.Others[len(state.keyset.Others)-1])
		annotation = sealPromotedAnnotation
	default:
		next, err = state.keyset.Drop(state.keyset.Others[0])
	}
	if err != nil {
		return err
	}
	before := secret.DeepCopy()
	secret.Data[SealKeyset] = next.Text()
	if annotation != "" {
		metav1.SetMetaDataAnnotation(&secret.ObjectMeta, annotation, formatTime(r.Clock.Now()))
	}
	if step == sealAdd {
		metav1.SetMetaDataAnnotation(&secret.ObjectMeta, sealHandledAnnotation, state.requested)
	}
	if err := r.Namespace.API.Patch(ctx, secret, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		return fmt.Errorf("%s a seal key in Secret %s: %w", step, client.ObjectKeyFromObject(secret), err)
	}
	r.Log.Info("Rotated the seal keys by a step", "step", step, "primary", next.Primary, "others", next.Others)
	return r.Keys.Replace(next.Text())
}

func readSealState(secret *corev1.Secret) (sealState, error) {
	keyset, err := seal.ReadStorageKeyset(secret.Data[SealKeyset])
	if err != nil {
		return sealState{}, err
	}
	at := func(annotation string) time.Time {
		read, _ := time.Parse(time.RFC3339Nano, secret.Annotations[annotation]) // what is no time never was
		return read
	}
	return sealState{
		keyset, secret.Annotations[SealRotationAnnotation], secret.Annotations[sealHandledAnnotation], at(sealAddedAnnotation), at(sealPromotedAnnotation),
	}, nil
}

// RequestSealRotation asks the controller for another seal key. It returns an error while a rotation is under way, and for a Secret that
// the controller did not make.
func RequestSealRotation(ctx context.Context, api client.Client, key client.ObjectKey, at time.Time) error {
	var secret corev1.Secret
	if err := api.Get(ctx, key, &secret); err != nil {
		return fmt.Errorf("read Secret %s: %w", key, err)
	}
	state, err := readSealState(&secret)
	switch {
	case err != nil:
		return fmt.Errorf("%s of Secret %s: %w", SealKeyset, key, err)
	case !isOurs(&secret):
		return fmt.Errorf("the Secret %s was not made by Lectern's controller, which leaves it as it is: replace its keys where it is from", key)
	case len(state.keyset.Others) > 0 || state.requested != state.handled:
		return fmt.Errorf("a rotation of the keys in Secret %s is under way; ask again when the key of before is gone, %s after the new one began to seal",
			key, SealDropDelay)
	}
	before := secret.DeepCopy()
	metav1.SetMetaDataAnnotation(&secret.ObjectMeta, SealRotationAnnotation, formatTime(at))
	if err := api.Patch(ctx, &secret, client.MergeFrom(before)); err != nil {
		return fmt.Errorf("write Secret %s: %w", key, err)
	}
	return nil
}
