//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// serviceDesk is the namespace of a fake ServiceDesk Plus, with the addresses of its API and of its accounts server.
const (
	serviceDesk         = "servicedesk"
	serviceDeskURL      = "http://fakesdp." + serviceDesk + ".svc:8080"
	serviceDeskAccounts = "http://fakesdp." + serviceDesk + ".svc:8081"
)

// fakeSDPManifests are those of the fake; its third address is for the test alone, and in no Service.
const fakeSDPManifests = `apiVersion: apps/v1
kind: Deployment
metadata: {name: fakesdp}
spec:
  selector: {matchLabels: {app: fakesdp}}
  template:
    metadata: {labels: {app: fakesdp}}
    spec:
      automountServiceAccountToken: false
      securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
      containers:
      - name: fakesdp
        image: %s
        imagePullPolicy: IfNotPresent
        args:
        - -address=:8080
        - -accounts-address=:8081
        - -control-address=:8082
        - -client-id=1000.E2E
        - -client-secret=secret-of-a-test-client
        ports:
        - {name: api, containerPort: 8080}
        - {name: accounts, containerPort: 8081}
        - {name: control, containerPort: 8082}
        readinessProbe: {httpGet: {path: /healthz, port: control}, periodSeconds: 1}
        securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
---
apiVersion: v1
kind: Service
metadata: {name: fakesdp}
spec:
  selector: {app: fakesdp}
  ports:
  - {name: api, port: 8080}
  - {name: accounts, port: 8081}
`

// fakeSDP is the pod of the fake.
type fakeSDP struct {
	*world
	pod string
}

// startFakeSDP starts the fake, with a small helpdesk in it.
func (w *world) startFakeSDP(t *testing.T) *fakeSDP {
	t.Helper()
	w.apply(t, serviceDesk, fmt.Sprintf(fakeSDPManifests, w.fakeSDPImage))
	w.waitForRollout(t, serviceDesk, "fakesdp")
	pods, err := w.listPods(t.Context(), serviceDesk, client.MatchingLabels{"app": "fakesdp"})
	require.NoError(t, err)
	if len(pods) != 1 {
		t.Fatalf("the fake ServiceDesk Plus has %d pods", len(pods))
	}
	return &fakeSDP{w, pods[0].Name}
}

// control sends a request to the address where a test does with a fake what it likes, and reads the answer.
func (f *fakeSDP) control(ctx context.Context, method, path string, query map[string]string, into any) error {
	request := f.api.CoreV1().RESTClient().Verb(method).Namespace(serviceDesk).Resource("pods").SubResource("proxy").Name("http:" + f.pod + ":8082").Suffix(path)
	for name, value := range query {
		request = request.Param(name, value)
	}
	answer, err := request.DoRaw(ctx)
	if err != nil {
		return fmt.Errorf("%w: %s", err, answer)
	}
	return json.Unmarshal(answer, into)
}

// issueGrantCode has the accounts server issue a code that is good for one attempt.
func (f *fakeSDP) issueGrantCode(t *testing.T) string {
	t.Helper()
	var issued struct{ Token string }
	require.NoError(t, f.control(t.Context(), "POST", "/grant-codes", nil, &issued))
	if issued.Token == "" {
		t.Fatal("the fake issued no grant code")
	}
	return issued.Token
}

// countCalls returns how many calls there were of a method and path, of the accounts server or of ServiceDesk Plus itself.
func (f *fakeSDP) countCalls(ctx context.Context, ofAccounts bool, method, path string) (count int, err error) {
	var journal struct {
		Calls []struct{ Method, Path string }
	}
	if err := f.control(ctx, "GET", "/calls", map[string]string{"accounts": fmt.Sprint(ofAccounts)}, &journal); err != nil {
		return 0, err
	}
	for _, call := range journal.Calls {
		if call.Method == method && call.Path == path {
			count++
		}
	}
	return count, nil
}

// checkRevoked returns an error until the accounts server was told of a revocation, once.
func (f *fakeSDP) checkRevoked(ctx context.Context) error {
	revoked, err := f.countCalls(ctx, true, "POST", "/oauth/v2/token/revoke")
	if err == nil && revoked != 1 {
		err = errors.New("the accounts server was told of " + fmt.Sprint(revoked) + " revocations")
	}
	return err
}
