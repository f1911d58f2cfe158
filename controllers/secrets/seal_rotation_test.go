package secrets

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func TestDecideSealStep(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	one, two := seal.StorageKeyset{Primary: 1}, seal.StorageKeyset{Primary: 1, Others: []uint32{2}}
	for name, tc := range map[string]struct {
		state sealState
		want  sealStep
	}{
		"nothing was ever asked for":             {sealState{keyset: one}, sealRest},
		"it is asked for":                        {sealState{keyset: one, requested: "monday"}, sealAdd},
		"what was asked for is done":             {sealState{keyset: one, requested: "monday", handled: "monday", added: ago(48 * time.Hour), promoted: ago(47 * time.Hour)}, sealRest},
		"it is asked for again":                  {sealState{keyset: one, requested: "tuesday", handled: "monday", added: ago(48 * time.Hour), promoted: ago(47 * time.Hour)}, sealAdd},
		"the new key has not arrived everywhere": {sealState{keyset: two, added: ago(SealPromotionDelay - time.Second)}, sealRest},
		"the new key has arrived":                {sealState{keyset: two, added: ago(SealPromotionDelay)}, sealPromote},
		"the old key still opens":                {sealState{keyset: two, added: ago(25 * time.Hour), promoted: ago(SealDropDelay - time.Second)}, sealRest},
		"the old key goes":                       {sealState{keyset: two, added: ago(25 * time.Hour), promoted: ago(SealDropDelay)}, sealDrop},
		"asked for while one is under way":       {sealState{keyset: two, requested: "tuesday", added: ago(time.Hour), promoted: ago(time.Minute)}, sealRest},
	} {
		if got := decideSealStep(tc.state, now); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

// TestSealRotation goes through a rotation step by step. Before each, a rotation of another controller takes over.
func TestSealRotation(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	made, err := n.Ensure(t.Context(), WantSealKeys("lectern-seal"))
	require.NoError(t, err)
	again, err := n.Ensure(t.Context(), WantSealKeys("lectern-seal"))
	require.NoError(t, err)
	if made.ResourceVersion != again.ResourceVersion || len(made.OwnerReferences) != 1 {
		t.Errorf("the Secret is made twice, or owned by nobody: %+v", again.ObjectMeta)
	}
	first, err := seal.ReadStorageKeyset(made.Data[SealKeyset])
	require.NoError(t, err)

	clock := clocktesting.NewFakeClock(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	left := 0
	resealed := 0
	step := func() (*SealRotation, error) {
		keys, err := seal.ParseStorageKeys(first.Text())
		require.NoError(t, err)
		r := &SealRotation{
			Namespace: n, Secret: "lectern-seal", Keys: keys, Clock: clock, Log: logr.Discard(),
			Reseal: func(context.Context) (int, error) { resealed++; return left, nil },
		}
		return r, r.check(t.Context())
	}
	want := func(what string, primary uint32, keys int) *SealRotation {
		t.Helper()
		r, err := step()
		require.NoError(t, err)
		if r.Keys.PrimaryID() != primary || len(r.Keys.KeyIDs()) != keys {
			t.Errorf("%s: %d seals of %v, want %d of %d", what, r.Keys.PrimaryID(), r.Keys.KeyIDs(), primary, keys)
		}
		return r
	}
	want("nobody asked", first.Primary, 1)
	key := client.ObjectKey{Namespace: n.Name, Name: "lectern-seal"}
	require.NoError(t, RequestSealRotation(t.Context(), n.API, key, clock.Now().Add(time.Hour))) // by a clock that is ahead
	r := want("a key is added", first.Primary, 2)
	if err := RequestSealRotation(t.Context(), n.API, key, clock.Now()); err == nil || !strings.Contains(err.Error(), "under way") {
		t.Errorf("asked for another one while one is under way: %v", err)
	}
	added := r.Keys.KeyIDs()[1]
	clock.Step(SealPromotionDelay - time.Second)
	want("it only opens", first.Primary, 2)
	if resealed != 0 {
		t.Error("what is stored is sealed again before there is another key to do it")
	}
	clock.Step(time.Second)
	want("it seals", added, 2)
	want("what is stored is sealed again", added, 2)
	if resealed == 0 {
		t.Error("what is stored is not sealed again")
	}
	left = 1
	clock.Step(SealDropDelay)
	if _, err := step(); err == nil {
		t.Error("the old key goes though something is still sealed by it")
	}
	left = 0
	want("the old key goes", added, 1)
	version := get(t, n, "lectern-seal").ResourceVersion
	want("nothing more", added, 1)
	if get(t, n, "lectern-seal").ResourceVersion != version {
		t.Error("a rotation that has nothing to do writes")
	}
}

// TestSealRotation_OfOthers: keys that somebody else makes are read, and left as they are.
func TestSealRotation_OfOthers(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	keyset, err := seal.NewStorageKeyset()
	require.NoError(t, err)
	create(t, n, "theirs", func(s *corev1.Secret) {
		s.Data[SealKeyset] = keyset.Text()
		s.Annotations = map[string]string{SealRotationAnnotation: "monday"}
	})
	version := get(t, n, "theirs").ResourceVersion
	other, err := seal.NewStorageKeyset()
	require.NoError(t, err)
	keys, err := seal.ParseStorageKeys(other.Text())
	require.NoError(t, err)
	r := &SealRotation{Namespace: n, Secret: "theirs", Keys: keys, Clock: clocktesting.NewFakeClock(time.Now()), Log: logr.Discard()}
	require.NoError(t, r.check(t.Context()))
	if keys.PrimaryID() != keyset.Primary || get(t, n, "theirs").ResourceVersion != version {
		t.Error("the keys are not taken up, or the Secret is written")
	}
	key := client.ObjectKey{Namespace: n.Name, Name: "theirs"}
	if err := RequestSealRotation(t.Context(), n.API, key, time.Now()); err == nil || !strings.Contains(err.Error(), "not made by Lectern") {
		t.Errorf("a rotation of it is asked for: %v", err)
	}
}

// TestRequestSealRotation: another Secret is left as it is.
func TestRequestSealRotation(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	create(t, n, "other", func(s *corev1.Secret) { s.Data["password"] = []byte("canary") })
	err := RequestSealRotation(t.Context(), n.API, client.ObjectKey{Namespace: n.Name, Name: "other"}, time.Now())
	if err == nil || get(t, n, "other").Annotations[SealRotationAnnotation] != "" {
		t.Errorf("a Secret without seal keys is written: %v", err)
	}
	if err := RequestSealRotation(t.Context(), n.API, client.ObjectKey{Namespace: n.Name, Name: "absent"}, time.Now()); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("a Secret that is not there: %v", err)
	}
}
