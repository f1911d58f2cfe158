package scenarios

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/lectern-dev/lectern/internal/testenv/golden"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// accountRights are what each right of a server's account can cause, in the words of docs/security.md.
var accountRights = map[string]string{
	"create tokenreviews.authentication.k8s.io":                   "Asks whose a token is. A thief learns it of tokens it has; each question costs the API server a verified signature.",
	"create subjectaccessreviews.authorization.k8s.io":            "Asks what anybody may do. A thief learns who has which rights, and of objects' names only what RBAC names; nothing is changed. Each question costs the API server an authorization, and what a webhook does with it.",
	"create selfsubjectaccessreviews.authorization.k8s.io":        everybody,
	"create selfsubjectrulesreviews.authorization.k8s.io":         everybody,
	"create selfsubjectreviews.authentication.k8s.io":             everybody,
	"create selfsubjectaccessreviews.authorization.k8s.io/status": everybody,
}

func init() {
	for _, verb := range []string{"get", "list", "watch"} {
		accountRights[verb+" clustertrustbundles.certificates.k8s.io"] = "Every ServiceAccount has it: certificates of authorities, which are public."
	}
}

const everybody = "Every account has it: what it may do itself."

// attempts are how each verb is tried, on an object that is not there and without an effect should it be carried out.
var attempts = map[string]struct{ method, name, query string }{
	"get": {http.MethodGet, "/x", ""}, "list": {http.MethodGet, "", "?limit=1"}, "watch": {http.MethodGet, "", "?watch=true&timeoutSeconds=1"},
	"create": {http.MethodPost, "", "?dryRun=All"}, "update": {http.MethodPut, "/x", "?dryRun=All"}, "patch": {http.MethodPatch, "/x", "?dryRun=All"},
	"delete": {http.MethodDelete, "/x", "?dryRun=All"}, "deletecollection": {http.MethodDelete, "", "?dryRun=All"},
}

// specialVerbs are asked for: no request has them by itself.
var specialVerbs = []string{"use", "operate", "audit", "promote", "impersonate", "bind", "escalate", "approve", "sign", "attest", "proxy", "*"}

// testStolenAccount tries every verb on every resource there is as the ServiceAccount of the servers, and holds docs/security.md to
// what is found.
func testStolenAccount(t *testing.T) {
	s := openNamespace(t, authenticatedStack(t))
	config, err := clientcmd.BuildConfigFromFlags("", s.ServerKubeconfig)
	require.NoError(t, err)
	config.QPS = -1
	thief, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	raw, err := rest.HTTPClientFor(config)
	require.NoError(t, err)
	_, lists, err := thief.Discovery().ServerGroupsAndResources()
	require.NoError(t, err)

	found, tried := map[string]bool{}, 0
	for _, list := range lists {
		root := config.Host + "/apis/" + list.GroupVersion
		group, _, isNamed := strings.Cut(list.GroupVersion, "/")
		if !isNamed {
			root, group = config.Host+"/api/"+list.GroupVersion, ""
		}
		for i := range list.APIResources {
			resource := &list.APIResources[i]
			for verb, attempt := range attempts {
				tried++
				permitted := s.isPermittedTo(t, raw, attempt.method, resourceURL(root, s.namespace, resource, attempt.name)+attempt.query)
				base, sub, _ := strings.Cut(resource.Name, "/")
				asked := s.mayItself(t, thief, &authorizationv1.ResourceAttributes{Namespace: namespaceOf(resource, s.namespace), Group: group, Resource: base, Subresource: sub, Verb: verb})
				if permitted != asked {
					t.Errorf("%s %s: the request is permitted: %t; the review says %t", verb, resource.Name, permitted, asked)
				}
				if permitted {
					found[strings.TrimSuffix(verb+" "+base+"."+group, ".")+strings.TrimPrefix(resource.Name, base)] = true
				}
			}
			for _, verb := range specialVerbs {
				tried++
				base, sub, _ := strings.Cut(resource.Name, "/")
				if s.mayItself(t, thief, &authorizationv1.ResourceAttributes{Group: group, Resource: base, Subresource: sub, Verb: verb}) {
					t.Errorf("the account may %s %s", verb, resource.Name)
				}
			}
		}
	}
	for _, kind := range []string{"users", "groups", "serviceaccounts", "uids"} {
		if s.mayItself(t, thief, &authorizationv1.ResourceAttributes{Resource: kind, Verb: "impersonate"}) {
			t.Errorf("the account may impersonate %s", kind)
		}
	}
	var paths []string
	for _, path := range []string{"/", "/api", "/apis", "/version", "/healthz", "/livez", "/readyz", "/openapi/v2", "/openapi/v3", "/metrics", "/logs", "/configz", "/flagz", "/statusz", "/debug/pprof/", "/.well-known/openid-configuration", "/openid/v1/jwks"} {
		tried++
		if s.isPermittedTo(t, raw, http.MethodGet, config.Host+path) {
			paths = append(paths, "`"+path+"`")
		}
	}
	t.Logf("%d attempts; permitted: %q and %q", tried, slices.Sorted(maps.Keys(found)), paths)

	var table strings.Builder
	table.WriteString("| verb and resource | what it can cause |\n|---|---|\n")
	for _, right := range slices.Sorted(maps.Keys(found)) {
		if accountRights[right] == "" {
			t.Errorf("the account may %s, and nothing says what that can cause", right)
		}
		fmt.Fprintf(&table, "| `%s` | %s |\n", right, accountRights[right])
	}
	fmt.Fprintf(&table, "| `get` %s | Every account has it: which API there is. |\n", strings.Join(paths, ", "))
	golden.CompareSection(t, "../../docs/security.md", "account", table.String())
}

func namespaceOf(resource *metav1.APIResource, namespace string) string {
	if resource.Namespaced {
		return namespace
	}
	return ""
}

// resourceURL is where objects of a resource are, or one of them, or its subresource.
func resourceURL(root, namespace string, resource *metav1.APIResource, name string) string {
	if resource.Namespaced {
		root += "/namespaces/" + namespace
	}
	base, sub, hasSub := strings.Cut(resource.Name, "/")
	if hasSub {
		return root + "/" + base + "/x/" + sub
	}
	return root + "/" + base + name
}

// isPermittedTo sends a request, and reports whether it was refused for want of a right.
func (s *scenario) isPermittedTo(t *testing.T, client *http.Client, method, url string) bool {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader("{}"))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	if method == http.MethodPatch {
		request.Header.Set("Content-Type", "application/merge-patch+json")
	}
	response, err := client.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	if response.StatusCode == http.StatusUnauthorized {
		t.Errorf("%s %s: not authenticated", method, url)
	}
	return response.StatusCode != http.StatusForbidden
}

func (s *scenario) mayItself(t *testing.T, thief *kubernetes.Clientset, what *authorizationv1.ResourceAttributes) bool {
	t.Helper()
	review, err := thief.AuthorizationV1().SelfSubjectAccessReviews().Create(context.Background(), &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: what},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	return review.Status.Allowed
}
