package controllers

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/controllers/controllerstest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestConnectionGate: connections are served once their definition is there and they may be listed in each namespace, and not before.
func TestConnectionGate(t *testing.T) {
	t.Parallel()
	cluster := controllerstest.StartCluster(t)
	kubectl := func(args ...string) {
		t.Helper()
		_, err := cluster.Kubectl(t.Context(), args...)
		require.NoError(t, err)
	}
	definition := filepath.Join("..", "config", "crd", "lectern.dev_sdpconnections.yaml")
	if _, err := os.Stat(definition); err != nil {
		t.Fatal(err)
	}
	kubectl("delete", "-f", definition)
	first, second := cluster.CreateNamespace(t), cluster.CreateNamespace(t)
	config := rest.CopyConfig(cluster.Config)
	config.Impersonate.UserName = "reader"
	scheme, err := newScheme()
	require.NoError(t, err)
	reader, err := client.New(config, client.Options{Scheme: scheme})
	require.NoError(t, err)
	told, served, ended := events.NewFakeRecorder(10), make(chan struct{}), make(chan error, 1)
	gate := &connectionGate{
		reader: reader, namespaces: []string{first, second}, interval: 10 * time.Millisecond, log: logr.Discard(),
		recorder: told, regarding: &coordinationv1.Lease{},
		serve: func(context.Context) error { close(served); return nil },
	}
	go func() { ended <- gate.Start(t.Context()) }()
	await := func(words string) {
		t.Helper()
		if event := <-told.Events; !strings.Contains(event, reasonConnectionsNotWatched) || !strings.Contains(event, words) {
			t.Errorf("want an event that says %q, got %s", words, event)
		}
	}
	await("no matches for kind \"SDPConnection\"")
	kubectl("apply", "-f", definition)
	await("namespace \"" + first + "\"")
	grant := func(namespace string) {
		kubectl("create", "role", "reader", "--namespace="+namespace, "--verb=list", "--resource=sdpconnections.lectern.dev")
		kubectl("create", "rolebinding", "reader", "--namespace="+namespace, "--role=reader", "--user=reader")
	}
	grant(first)
	await("namespace \"" + second + "\"")
	select {
	case <-served:
		t.Error("connections are served though those of a namespace may not be listed")
	default:
	}
	grant(second)
	<-served
	require.NoError(t, <-ended)
}
