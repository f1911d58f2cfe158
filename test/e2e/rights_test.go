//go:build e2e

package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/lectern-dev/lectern/internal/testenv/golden"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// listRights returns what kubectl auth can-i --list says of a ServiceAccount, in lines.
func (w *world) listRights(t *testing.T, namespace, account, in string) string {
	t.Helper()
	config := rest.CopyConfig(w.config)
	config.Impersonate = rest.ImpersonationConfig{
		UserName: fmt.Sprintf("system:serviceaccount:%s:%s", namespace, account),
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"},
	}
	api, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	review, err := api.AuthorizationV1().SelfSubjectRulesReviews().Create(t.Context(),
		&authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: in}}, metav1.CreateOptions{})
	require.NoError(t, err)
	var lines []string
	for _, r := range review.Status.ResourceRules {
		lines = append(lines, fmt.Sprintf("%s of %s in %s %s", strings.Join(r.Verbs, ","), strings.Join(r.Resources, ","), strings.Join(r.APIGroups, ","), strings.Join(r.ResourceNames, ",")))
	}
	for _, r := range review.Status.NonResourceRules {
		lines = append(lines, fmt.Sprintf("%s of %s", strings.Join(r.Verbs, ","), strings.Join(r.NonResourceURLs, ",")))
	}
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "\n") + "\n"
}

// testRights compares what the accounts of both programs may with files: in the release's namespace, in that of connections, and in
// another one.
func (r release) testRights(t *testing.T) {
	for _, component := range []string{"controller", "server"} {
		for _, where := range []struct{ file, namespace string }{{"own", r.namespace}, {"other", prompts}, {"connections", connections}} {
			got := r.listRights(t, r.namespace, r.fullName()+"-"+component, where.namespace)
			golden.CompareFile(t, filepath.Join("testdata", fmt.Sprintf("rights-%s-%s.txt", component, where.file)), got)
		}
	}
	r.record(t, "kubectl auth can-i --list of both ServiceAccounts, in their namespace and elsewhere, equals test/e2e/testdata")
}
