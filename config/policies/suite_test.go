// Package policies_test holds the admission policies of this folder, and the roles beside it, against an API server.
package policies_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

var (
	plane *testenv.ControlPlane
	api   client.Client
)

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	ctrl.SetLogger(logr.Discard()) // the clients' own
	ctx := context.Background()
	var err error
	if plane, err = testenv.StartControlPlane(ctx, testenv.ControlPlaneOptions{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer plane.Stop()
	if err := install(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// install applies config/rbac and config/policies as an operator does, and waits until every policy is enforced.
func install(ctx context.Context) error {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	var err error
	if api, err = client.New(plane.Config, client.Options{Scheme: scheme}); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"create", "namespace", testenv.SystemNamespace}, {"apply", "--kustomize=../rbac"}, {"apply", "--kustomize=."},
		{"create", "serviceaccount", "nobody", "--namespace=default"},
		{"create", "clusterrole", "prompt-writer", "--verb=get,create,update,patch", "--resource=prompts.lectern.dev"},
		{"create", "rolebinding", "nobody", "--namespace=default", "--clusterrole=prompt-writer", "--serviceaccount=default:nobody"},
	} {
		if _, err := plane.Kubectl(ctx, args...); err != nil {
			return err
		}
	}
	return wait.Until(ctx, checkEnforced)
}

// checkEnforced returns an error until the API server enforces all three policies: it hears of them after they are stored.
func checkEnforced(ctx context.Context) error {
	nobody, err := newClient("system:serviceaccount:default:nobody")
	if err != nil {
		return err
	}
	for rule, spec := range map[string]v1alpha1.PromptSpec{
		"lectern-channels": {Channels: []v1alpha1.Channel{{Name: "beta"}}}, "lectern-erasure": {DeletionPolicy: "Retain"},
	} {
		spec.Text = "Hello"
		err := nobody.Create(ctx, &v1alpha1.Prompt{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "probe"}, Spec: spec}, client.DryRunAll)
		if err == nil || !strings.Contains(err.Error(), rule) {
			return fmt.Errorf("%s is not enforced yet: %w", rule, err)
		}
	}
	p := &v1alpha1.Prompt{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "probe"}, Spec: v1alpha1.PromptSpec{Text: "Hello"}}
	if err := api.Create(ctx, p, client.DryRunAll); err != nil || !slices.Contains(p.Finalizers, v1alpha1.PromptFinalizer) {
		return fmt.Errorf("lectern-finalizer is not enforced yet: %w", err)
	}
	return nil
}

// newNamespace makes a namespace with a ServiceAccount for each name, which has the ClusterRoles given in it.
func newNamespace(t *testing.T, accounts map[string][]string) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "policies-"}}
	require.NoError(t, api.Create(t.Context(), ns))
	for account, roles := range accounts {
		for _, role := range roles {
			require.NoError(t, api.Create(t.Context(), &rbacv1.RoleBinding{
				ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: account + "-" + role},
				RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
				Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: ns.Name, Name: account}},
			}))
			waitForRole(t, caller{ns.Name, account}, role)
		}
	}
	return ns.Name
}

// waitForRole waits until the API server knows that an account has a role: until it has every verb on prompts.
func waitForRole(t *testing.T, c caller, name string) {
	t.Helper()
	var role rbacv1.ClusterRole
	require.NoError(t, api.Get(t.Context(), client.ObjectKey{Name: name}, &role))
	for _, rule := range role.Rules {
		if slices.Contains(rule.Resources, "prompts") {
			require.Eventually(t, func() error {
				if got := allowedVerbs(t, c, c.namespace, "prompts", rule.Verbs); !slices.Equal(got, rule.Verbs) {
					return fmt.Errorf("%s has only %v of %s", c.account, got, name)
				}
				return nil
			})
		}
	}
}

// caller is an account of a namespace at its kubectl.
type caller struct{ namespace, account string }

// subject returns the account's user name, which is the one given when it is no ServiceAccount of the namespace.
func (c caller) subject() string {
	if strings.Contains(c.account, ":") {
		return c.account
	}
	return "system:serviceaccount:" + c.namespace + ":" + c.account
}

// kubectl runs kubectl as the account, in its namespace; an empty account is the cluster's admin.
func (c caller) kubectl(t *testing.T, args ...string) error {
	t.Helper()
	args = append([]string{"--namespace=" + c.namespace}, args...)
	if c.account != "" {
		args = append([]string{"--as=" + c.subject()}, args...)
	}
	_, err := plane.Kubectl(t.Context(), args...)
	return err
}

// client returns a client that is the account.
func (c caller) client(t *testing.T) client.Client {
	t.Helper()
	made, err := newClient(c.subject())
	require.NoError(t, err)
	return made
}

func newClient(subject string) (client.Client, error) {
	config := rest.CopyConfig(plane.Config)
	config.Impersonate.UserName = subject
	return client.New(config, client.Options{Scheme: api.Scheme()})
}

// writeManifest writes a Prompt into a file, and returns its path. Metadata and spec are YAML in one line.
func writeManifest(t *testing.T, metadata, spec string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "prompt.yaml")
	text := fmt.Sprintf("apiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata: {%s}\nspec: {%s}\n", metadata, spec)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// getPrompt reads an object as it is now.
func getPrompt(t *testing.T, namespace, name string) *v1alpha1.Prompt {
	t.Helper()
	var p v1alpha1.Prompt
	require.NoError(t, api.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, &p))
	return &p
}
