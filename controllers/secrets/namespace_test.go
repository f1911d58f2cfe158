package secrets

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// wantColours is a Secret that says another thing each time it is made.
func wantColours(isOwned bool) Wanted {
	return Wanted{Name: "colours", Keys: []string{"sky", "sea"}, IsOwned: isOwned,
		Make: func(context.Context) (map[string][]byte, map[string]string, error) {
			return map[string][]byte{"sky": []byte(newPassword()), "sea": []byte(newPassword())}, map[string]string{"made": "yes"}, nil
		}}
}

// TestEnsure_Absent: it is made once, by whoever is first of many, and goes with the Deployment.
func TestEnsure_Absent(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	found := make([]*corev1.Secret, 8)
	var all sync.WaitGroup
	for i := range found {
		all.Go(func() {
			var err error
			if found[i], err = n.Ensure(t.Context(), wantColours(true)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	stored := get(t, n, "colours")
	for _, secret := range found {
		if diff := cmp.Diff(texts(stored.Data), texts(secret.Data)); diff != "" {
			t.Errorf("another Secret than the stored one (-stored +returned):\n%s", diff)
		}
	}
	want := metav1.ObjectMeta{Labels: map[string]string{"app.kubernetes.io/managed-by": "lectern-controller"}, Annotations: map[string]string{"made": "yes"},
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: "controller", UID: n.Owner.UID}}}
	got := metav1.ObjectMeta{Labels: stored.Labels, Annotations: stored.Annotations, OwnerReferences: stored.OwnerReferences}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	if len(stored.Data["sky"]) != 26 || len(stored.Data["sea"]) != 26 {
		t.Errorf("values of %d and %d bytes", len(stored.Data["sky"]), len(stored.Data["sea"]))
	}
}

// TestEnsure_Others: what somebody else made is used as it is, or refused as it is.
func TestEnsure_Others(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		labels map[string]string
		data   map[string]string
		want   string // part of the message; empty where it is used
	}{
		"complete":            {nil, map[string]string{"sky": "blue", "sea": "green", "more": "red"}, ""},
		"another's label":     {map[string]string{v1alpha1.ManagedByLabel: "Helm"}, map[string]string{"sky": "blue", "sea": "green"}, ""},
		"a key is missing":    {nil, map[string]string{"sky": "blue"}, "was not made by Lectern's controller and lacks the keys sea: it is left as it is"},
		"a key is empty":      {nil, map[string]string{"sky": "", "sea": ""}, "lacks the keys sky, sea"},
		"ours, without a key": {map[string]string{v1alpha1.ManagedByLabel: v1alpha1.ManagedByController}, map[string]string{"sky": "blue"}, "was made by Lectern's controller and lacks the keys sea"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNamespace(t)
			before := create(t, n, "colours", func(s *corev1.Secret) {
				s.Labels, s.StringData = tc.labels, tc.data
			})
			got, err := n.Ensure(t.Context(), wantColours(true))
			if tc.want == "" && (err != nil || string(got.Data["sky"]) != "blue") {
				t.Errorf("it is not used: %v, %v", got, err)
			}
			if tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), n.Name+"/colours")) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			if after := get(t, n, "colours"); after.ResourceVersion != before.ResourceVersion {
				t.Error("it was changed")
			}
		})
	}
}

// TestEnsure_EarlierInstallation waits until what goes with a Deployment that is gone is gone, too.
func TestEnsure_EarlierInstallation(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(*corev1.Secret, types.UID){
		"of another Deployment": func(s *corev1.Secret, uid types.UID) {
			s.Labels = map[string]string{v1alpha1.ManagedByLabel: v1alpha1.ManagedByController}
			s.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: "controller", UID: "0-0-0-" + uid}}
		},
		"being deleted": func(s *corev1.Secret, _ types.UID) { s.Finalizers = []string{"lectern.test/held"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNamespace(t)
			left := create(t, n, "colours", func(s *corev1.Secret) {
				s.StringData = map[string]string{"sky": "blue", "sea": "green"}
				leave(s, n.Owner.UID)
			})
			if left.Finalizers != nil {
				require.NoError(t, n.API.Delete(t.Context(), left))
			}
			waits := make(chan struct{})
			n.Log = funcr.New(func(_, args string) {
				if strings.Contains(args, "Waiting for the Secret of an installation of before") {
					close(waits)
				}
			}, funcr.Options{})
			go func() {
				<-waits
				if left.Finalizers != nil {
					edit(t, n, "colours", func(s *corev1.Secret) { s.Finalizers = nil })
				} else if err := n.API.Delete(context.WithoutCancel(t.Context()), left); err != nil {
					t.Error(err)
				}
			}()
			made, err := n.Ensure(t.Context(), wantColours(true))
			require.NoError(t, err)
			if made.UID == left.UID || string(made.Data["sky"]) == "blue" {
				t.Errorf("it is what was left: %v", texts(made.Data))
			}
		})
	}
}

// TestEnsure_Kept: whether it goes with the Deployment is a setting, which may change.
func TestEnsure_Kept(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	first, err := n.Ensure(t.Context(), wantColours(false))
	require.NoError(t, err)
	for _, isOwned := range []bool{false, true, true, false} {
		_, err := n.Ensure(t.Context(), wantColours(isOwned))
		require.NoError(t, err)
		now := get(t, n, "colours")
		if owners := len(now.OwnerReferences); owners != map[bool]int{true: 1}[isOwned] {
			t.Errorf("with %t it has %d owners", isOwned, owners)
		}
		if diff := cmp.Diff(texts(first.Data), texts(now.Data)); diff != "" {
			t.Errorf("values (-first +now):\n%s", diff)
		}
	}
	// Kept by an installation that is gone, it is used by the next one.
	require.NoError(t, n.API.Delete(t.Context(), &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: n.Name, Name: "controller"}}))
	createDeployment(t, n)
	require.NoError(t, n.FindOwner(t.Context(), "controller"))
	again, err := n.Ensure(t.Context(), wantColours(false))
	require.NoError(t, err)
	if again.UID != first.UID {
		t.Error("another one was made")
	}
}

func TestFindOwner_Absent(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	if err := n.FindOwner(t.Context(), "nobody"); err == nil || !strings.Contains(err.Error(), "read Deployment "+n.Name+"/nobody") {
		t.Errorf("got %v", err)
	}
}

// TestWanted makes each Secret and holds what is in it to what its readers need.
func TestWanted(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	roles := [2]string{"a", "b"}
	intake, err := n.Ensure(t.Context(), WantIntakeKeys("intake"))
	require.NoError(t, err)
	if _, err := seal.ParsePrivateKeys(intake.Data["private.json"]); err != nil {
		t.Error(err)
	}
	trial, err := n.Ensure(t.Context(), WantTrialPasswords("trial", true))
	require.NoError(t, err)
	different := map[string]bool{}
	for _, key := range []string{"postgres-password", "owner-password", "server-a-password", "server-b-password"} {
		different[string(trial.Data[key])] = true
	}
	if len(different) != 4 || different[""] {
		t.Errorf("%d passwords differ, want 4", len(different))
	}
	server, err := n.Ensure(t.Context(), n.WantServerCredentials("server", roles, "trial", true, true))
	require.NoError(t, err)
	want := map[string]string{"user": "a", "password": string(trial.Data["server-a-password"]), "idle-password": string(trial.Data["server-b-password"])}
	if diff := cmp.Diff(want, texts(server.Data)); diff != "" {
		t.Errorf("what servers log in with (-want +got):\n%s", diff)
	}
	for first, want := range map[string]string{"": "--server-first-passwords-secret", "absent": "absent", "intake": "lacks the keys server-a-password, server-b-password"} {
		if _, err := n.Ensure(t.Context(), n.WantServerCredentials("other", roles, first, true, true)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("first passwords of %q: %v, want %q", first, err, want)
		}
	}
	// One that an operator of secrets makes has what servers mount, and nothing of a rotation.
	create(t, n, "external", func(s *corev1.Secret) { s.StringData = map[string]string{"user": "a", "password": "p"} })
	_, err = n.Ensure(t.Context(), n.WantServerCredentials("external", roles, "", false, true))
	require.NoError(t, err)
	if _, err := n.Ensure(t.Context(), n.WantServerCredentials("external", roles, "", true, true)); err == nil || !strings.Contains(err.Error(), "idle-password") {
		t.Errorf("with a rotation: %v", err)
	}
}

func TestParseKey(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Key{"a/b": {"a", "b"}, "a/b/c": {"a", "b/c"}, "a": {}, "/b": {}, "a/": {}, "": {}} {
		got, err := ParseKey(text)
		if got != want || (err == nil) != (want != Key{}) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
}

// TestValue: while the Secret cannot be read, the value is what it was.
func TestValue(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	value := n.ValueOf(Key{"colours", "sky"})
	if _, err := value.Current(t.Context()); err == nil || !strings.Contains(err.Error(), n.Name+"/colours") {
		t.Errorf("without a Secret: %v", err)
	}
	secret := create(t, n, "colours", func(s *corev1.Secret) { s.StringData = map[string]string{"sky": "blue\n"} })
	wantValue := func(want string) {
		t.Helper()
		if got, err := value.Current(t.Context()); err != nil || got != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	wantValue("blue")
	edit(t, n, "colours", func(s *corev1.Secret) { s.Data["sky"] = []byte("grey") })
	wantValue("blue") // for 30 s
	value.read = value.read.Add(-freshFor)
	wantValue("grey")
	require.NoError(t, n.API.Delete(t.Context(), secret))
	value.read = value.read.Add(-freshFor)
	wantValue("grey")
	if _, err := n.ValueOf(Key{"colours", "sea"}).Current(t.Context()); err == nil {
		t.Error("a Secret that is gone has a value")
	}
	create(t, n, "other", func(s *corev1.Secret) { s.StringData = map[string]string{"sky": ""} })
	if _, err := n.ValueOf(Key{"other", "sky"}).Current(t.Context()); err == nil || !strings.Contains(err.Error(), "has no key sky") {
		t.Errorf("an empty value: %v", err)
	}
}

// TestKeyFollower takes rotated keys up, and keeps those it has while others cannot be read.
func TestKeyFollower(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	secret, err := n.Ensure(t.Context(), WantIntakeKeys("intake"))
	require.NoError(t, err)
	keys, err := seal.ParsePrivateKeys(secret.Data[PrivateKey])
	require.NoError(t, err)
	var logged []string
	k := FollowIntakeKeys(n, "intake", keys, funcr.New(func(_, args string) { logged = append(logged, args) }, funcr.Options{}))
	first := fmt.Sprint(keys.KeyIDs())
	k.reread(t.Context())
	next, err := seal.NewKeyPair(secret.Data[PrivateKey])
	require.NoError(t, err)
	edit(t, n, "intake", func(s *corev1.Secret) { s.Data[PrivateKey], s.Data[PublicKey] = next.Private, next.Public })
	if got := fmt.Sprint(keys.KeyIDs()); got != first {
		t.Errorf("keys %s before they were read, want %s", got, first)
	}
	k.reread(t.Context())
	if got := keys.KeyIDs(); len(got) != 2 || got[1] != next.KeyID {
		t.Errorf("the keys are %v, want a second one, %d", got, next.KeyID)
	}
	second := fmt.Sprint(keys.KeyIDs())
	edit(t, n, "intake", func(s *corev1.Secret) { s.Data[PrivateKey] = []byte("no keys") })
	for range 3 {
		k.reread(t.Context())
	}
	if got := fmt.Sprint(keys.KeyIDs()); got != second {
		t.Errorf("keys %s, want those of before, %s", got, second)
	}
	if len(logged) != 2 || !strings.Contains(logged[0], "Read the changed keys") || !strings.Contains(logged[1], "stay in use") {
		t.Errorf("it logs %q", logged)
	}
}
