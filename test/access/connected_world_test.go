package access

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/servicedesk"
)

// helpdesk is the connection of every namespace.
const helpdesk = "helpdesk"

// startDesk serves a fake ServiceDesk Plus until the tests end, and returns the flags by which controller and servers go there. Dir
// is where their keys are.
func startDesk(dir string) (desk *sdptest.Server, both, controller []string, err error) {
	desk = sdptest.New(sdptest.Options{})
	stop, err := desk.Listen("127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		return nil, nil, nil, err
	}
	stops = append(stops, stop)
	keyset, err := seal.NewStorageKeyset()
	if err != nil {
		return nil, nil, nil, err
	}
	keys := filepath.Join(dir, "keyset.json")
	both = []string{"--seal-key-file=" + keys, "--sdp-allowed-hosts=" + desk.URL() + "," + desk.AccountsURL()}
	return desk, both, []string{"--connection-namespaces=" + blue + "," + green + "," + red}, os.WriteFile(keys, keyset.Text(), 0o600)
}

// connect makes the connection of a namespace, with every toolset that reads.
func (w *world) connect(ctx context.Context, namespace string) error {
	_, err := w.ControlPlane.Kubectl(ctx, "create", "rolebinding", "lectern-connections", "--namespace="+namespace,
		"--clusterrole=lectern-connections", "--user="+testenv.ControllerUser)
	if err != nil {
		return err
	}
	clientID, refreshToken := "1000."+namespace, "1000.refresh-"+namespace
	w.desk.AddClient(clientID, "secret-of-a-test-client", "")
	w.desk.AddRefreshToken(clientID, refreshToken)
	return errors.Join(w.api.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: helpdesk}, Type: v1alpha1.SDPCredentialsSecretType,
		StringData: map[string]string{
			v1alpha1.CredentialClientID: clientID, v1alpha1.CredentialClientSecret: "secret-of-a-test-client",
			v1alpha1.CredentialRefreshToken: refreshToken,
		},
	}), w.api.Create(ctx, &v1alpha1.SDPConnection{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: helpdesk},
		Spec: v1alpha1.SDPConnectionSpec{
			Edition: v1alpha1.EditionCloud, Portal: "itdesk", APIURL: v1alpha1.ServiceURL(w.desk.URL()), AccountsURL: v1alpha1.ServiceURL(w.desk.AccountsURL()),
			Credentials: v1alpha1.CredentialsReference{SecretName: helpdesk},
			RateLimit:   &v1alpha1.RateLimit{RequestsPerMinute: ptr.To[int32](1000), Burst: ptr.To[int32](1000)},
		},
	}))
}

// offerEverything has the connection of a namespace offer every tool until the test ends.
func (w *world) offerEverything(t *testing.T, namespace string) {
	t.Helper()
	c := &v1alpha1.SDPConnection{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: helpdesk}}
	require.NoError(t, w.api.Get(t.Context(), client.ObjectKeyFromObject(c), c))
	changed := c.DeepCopy()
	changed.Spec.Access = &v1alpha1.Access{Mode: v1alpha1.AccessModeReadWrite}
	for _, toolset := range servicedesk.Toolsets() {
		changed.Spec.Access.Toolsets = append(changed.Spec.Access.Toolsets, v1alpha1.Toolset(toolset))
	}
	require.NoError(t, w.api.Patch(t.Context(), changed, client.MergeFrom(c)))
	t.Cleanup(func() {
		offered := changed.DeepCopy()
		changed.Spec = c.Spec
		require.NoError(t, w.api.Patch(context.Background(), changed, client.MergeFrom(offered)))
	})
}

// checkConnections returns an error until every connection is ready.
func (w *world) checkConnections(ctx context.Context) error {
	var all v1alpha1.SDPConnectionList
	if err := w.api.List(ctx, &all); err != nil {
		return err
	}
	for i := range all.Items {
		c := &all.Items[i]
		if !meta.IsStatusConditionTrue(c.Status.Conditions, v1alpha1.ConditionReady) {
			return fmt.Errorf("%s/%s is not ready: %+v", c.Namespace, c.Name, c.Status.Conditions)
		}
	}
	return nil
}
