//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// connections is the namespace whose connections to ServiceDesk Plus are served, desks that of the agents who use them.
const (
	connections = "connections"
	desks       = "desks"
)

// connectionSettings are the chart's values for a connection to the fake.
func connectionSettings() []string {
	return []string{
		"--set", "connections.namespaces={" + connections + "}",
		"--set", "sdp.allowedHosts={" + serviceDeskURL + "," + serviceDeskAccounts + "}",
	}
}

const helpdeskCredentials = `apiVersion: v1
kind: Secret
metadata: {name: helpdesk-oauth}
type: lectern.dev/sdp-credentials
stringData: {client_id: 1000.E2E, client_secret: secret-of-a-test-client, grant_code: %s}
`

const helpdesk = `apiVersion: lectern.dev/v1alpha1
kind: SDPConnection
metadata: {name: helpdesk}
spec:
  edition: Cloud
  portal: itdesk
  apiURL: %s
  accountsURL: %s
  credentials: {secretName: helpdesk-oauth}
  callers:
  - {subject: "system:serviceaccount:%s:technician", email: tech@example.org, groups: [Service desk]}
`

// testConnection applies a connection to a fake ServiceDesk Plus in the cluster, by a one-time grant code. Who may use it reads
// through the Service, who may not does not learn of it, and when it is deleted nothing of it is left.
func (r release) testConnection(t *testing.T) {
	r.createNamespace(t, desks)
	technician := r.createAgent(t, desks, "technician", connections, "lectern-agent")
	stranger := r.createAgent(t, desks, "stranger", connections)
	fake := r.startFakeSDP(t)
	r.apply(t, connections, fmt.Sprintf(helpdeskCredentials, fake.issueGrantCode(t)))
	before := r.listConnectionObjects(t)
	begun := time.Now()
	r.apply(t, connections, fmt.Sprintf(helpdesk, serviceDeskURL, serviceDeskAccounts, desks))
	r.waitUntilConnected(t, "helpdesk")
	r.record(t, "a connection to a fake ServiceDesk Plus by a grant code: Ready in %.1f s", time.Since(begun).Seconds())

	answer := technician.ask(t, r, toolCall("my_queue", nil), toolCall("get_request", map[string]any{"request_id": "1", "include": []string{"notes"}}),
		toolCall("list_lookup", map[string]any{"type": "priorities"}))
	for _, words := range []string{"Laptop will not dock", "Rang the user, no answer", "Medium"} {
		if !strings.Contains(answer, words) || strings.Contains(answer, `"isError":true`) {
			t.Errorf("the technician's answers lack %q: %s", words, answer)
		}
	}
	if answer := stranger.ask(t, r, toolCall("my_queue", nil)); !strings.Contains(answer, "no such tool") {
		t.Errorf("who may not use the connection was answered %s", answer)
	}
	r.record(t, "my_queue, get_request and list_lookup through lectern connect by who may use the connection: answered; by who may not: no such tool")
	r.testConnectionDeletion(t, fake, technician, before)
}

// testConnectionDeletion deletes it: the Secret that was made for it goes, what was exchanged is revoked, and tools are gone.
func (r release) testConnectionDeletion(t *testing.T, fake *fakeSDP, technician agent, before []string) {
	t.Helper()
	kept := &corev1.Secret{}
	require.NoError(t, r.objects.Get(t.Context(), client.ObjectKey{Namespace: connections, Name: "helpdesk" + v1alpha1.ManagedCredentialsSuffix}, kept))
	deleted := &v1alpha1.SDPConnection{ObjectMeta: metav1.ObjectMeta{Namespace: connections, Name: "helpdesk"}}
	begun := time.Now()
	require.NoError(t, r.objects.Delete(t.Context(), deleted))
	r.waitUntilGone(t, deleted)
	r.waitUntilGone(t, kept)
	took := time.Since(begun)
	eventually(t, "the revocation", fake.checkRevoked)
	if diff := cmp.Diff(before, r.listConnectionObjects(t)); diff != "" {
		t.Errorf("what the connection left (-before +after):\n%s", diff)
	}
	eventually(t, "servers without the connection", func(context.Context) error {
		if answer := technician.ask(t, r, toolCall("my_queue", nil)); !strings.Contains(answer, "no such tool") {
			return fmt.Errorf("the technician was answered %s", answer)
		}
		return nil
	})
	r.record(t, "the connection deleted: gone with its Secret in %.1f s, its refresh token revoked, nothing of it left in the namespace", took.Seconds())
}

// listConnectionObjects returns what is in the namespace of connections.
func (r release) listConnectionObjects(t *testing.T) []string {
	t.Helper()
	return r.listEverything(t, connections, func(string, *unstructured.Unstructured) bool { return true })
}

// waitUntilConnected waits until a connection is Ready as it is, and logs what there is when it is not.
func (r release) waitUntilConnected(t *testing.T, name string) {
	t.Helper()
	isReady := false
	defer func() {
		if !isReady {
			r.logState(t)
		}
	}()
	eventually(t, "connection "+name, func(ctx context.Context) error {
		var c v1alpha1.SDPConnection
		if err := r.objects.Get(ctx, client.ObjectKey{Namespace: connections, Name: name}, &c); err != nil {
			return err
		}
		if !meta.IsStatusConditionTrue(c.Status.Conditions, v1alpha1.ConditionReady) || c.Status.ObservedGeneration != c.Generation {
			return fmt.Errorf("%s is not connected: %+v", name, c.Status.Conditions)
		}
		return nil
	})
	isReady = true
}
