package controllers

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"

	"github.com/lectern-dev/lectern/controllers/controllerstest"
	"github.com/lectern-dev/lectern/internal/namespaces"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestReadableNamespaces: what may not be listed is left out of the cache, and ends the process once it may.
func TestReadableNamespaces(t *testing.T) {
	t.Parallel()
	cluster := controllerstest.StartCluster(t)
	first, second := cluster.CreateNamespace(t), cluster.CreateNamespace(t)
	config := rest.CopyConfig(cluster.Config)
	config.Impersonate.UserName = "reader"
	scheme, err := newScheme()
	require.NoError(t, err)
	find := func() (*readableNamespaces, error) {
		return findReadable(t.Context(), config, scheme, namespaces.New(first, second))
	}
	want := "this account may list prompts in none of the watched namespaces (" + first + ", " + second + "): give it a Role and a RoleBinding in each"
	if _, err := find(); err == nil || err.Error() != want {
		t.Errorf("without rights: %v, want %s", err, want)
	}
	grant := func(namespace string) {
		for _, args := range [][]string{
			{"create", "role", "reader", "--namespace=" + namespace, "--verb=list", "--resource=prompts.lectern.dev"},
			{"create", "rolebinding", "reader", "--namespace=" + namespace, "--role=reader", "--user=reader"},
		} {
			_, err := cluster.Kubectl(t.Context(), args...)
			require.NoError(t, err)
		}
	}
	grant(first)
	var found *readableNamespaces
	require.Eventually(t, func() (err error) {
		found, err = find()
		return err
	})
	if diff := cmp.Diff([]string{first}, slices.Collect(maps.Keys(found.cacheOptions().DefaultNamespaces))); diff != "" {
		t.Errorf("namespaces in the cache (-want +got):\n%s", diff)
	}
	found.interval = 10 * time.Millisecond
	ended := make(chan error, 1)
	go func() { ended <- found.Start(t.Context()) }()
	grant(second)
	want = "prompts of " + second + " may be read by now; ending, to watch them"
	if err := <-ended; err == nil || err.Error() != want {
		t.Errorf("it ended with %v, want %s", err, want)
	}
}
