package access

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// The namespaces. Their names are of one length, and all that is in one says its name: whatever a caller reads of it
// contains that, and a denied and an unknown prompt differ in nothing else.
const (
	red   = "zqred"
	blue  = "zqblu"
	green = "zqgrn"
)

var namespaces = []string{blue, green, red}

// The names of prompts that are in every namespace, and of one that is in none.
const (
	handover = "handover"
	greeting = "greeting"
	absent   = "handovex"
	fragment = "fragment"
)

// listedInEach is how many prompts of a namespace are listed: fragments are not.
const listedInEach = 3

// world is a stack with prompts in three namespaces.
type world struct {
	*testenv.Stack
	callers *testenv.Callers
	desk    *sdptest.Server
	api     client.Client
	http    *http.Client

	mu       sync.Mutex
	decided  map[string]bool // what Kubernetes says, by caller and question
	sequence int
}

// newWorld starts a stack that authenticates its callers, without limits: thousands of requests come from a few callers and one
// address.
// AccessArgs, for servers and controller, say otherwise who callers are.
func newWorld(ctx context.Context, accessArgs ...string) (*world, error) {
	keys, err := os.MkdirTemp("", "access")
	if err != nil {
		return nil, err
	}
	stops = append(stops, func() { _ = os.RemoveAll(keys) })
	desk, both, ofController, err := startDesk(keys)
	if err != nil {
		return nil, err
	}
	stack, err := testenv.StartStack(ctx, testenv.StackOptions{Authenticate: true, ServerArgs: slices.Concat([]string{
		"--prompts-per-second=0", "--completions-per-second=0", "--streams-per-caller=0", "--failed-authentications-per-second=0",
		"--ticket-reads-per-second=0", "--public-url=http://lectern.test",
	}, both, accessArgs), ControllerArgs: slices.Concat(both, ofController, accessArgs)})
	if err != nil {
		return nil, err
	}
	started = append(started, stack)
	w := &world{Stack: stack, desk: desk, http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, decided: map[string]bool{}}
	if w.callers, err = stack.ControlPlane.Callers(); err != nil {
		return nil, err
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	if w.api, err = client.New(stack.ControlPlane.Config, client.Options{Scheme: scheme}); err != nil {
		return nil, err
	}
	for _, namespace := range namespaces {
		if err := w.fill(ctx, namespace); err != nil {
			return nil, err
		}
	}
	return w, errors.Join(w.waitUntilPublished(ctx), wait.Until(ctx, w.checkConnections))
}

// fill makes a namespace with its prompts. Agents may edit them.
func (w *world) fill(ctx context.Context, namespace string) error {
	if err := w.callers.CreateNamespace(ctx, namespace); err != nil {
		return err
	}
	for _, p := range []*v1alpha1.Prompt{
		newPrompt(namespace, handover), newPrompt(namespace, greeting), newPrompt(namespace, "only-"+namespace), newPrompt(namespace, fragment),
	} {
		if p.Name == fragment {
			p.Spec.Exposure = v1alpha1.ExposureFragment
		}
		if err := w.api.Create(ctx, p); err != nil {
			return err
		}
	}
	return w.connect(ctx, namespace)
}

func newPrompt(namespace, name string) *v1alpha1.Prompt {
	return &v1alpha1.Prompt{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Annotations: map[string]string{"lectern.dev/agents": "all"}},
		Spec: v1alpha1.PromptSpec{
			Title: "Shift " + namespace, Description: "Hand an open incident over, in " + namespace, Category: "itsm-" + namespace,
			Tags: []string{"incident", "tag-" + namespace},
			Text: "Write a {{tone}} handover of the open incident {{ticket}} for the next shift, with all that was tried and what to try next. In " + namespace + ".",
			Arguments: []v1alpha1.Argument{
				{Name: "ticket", Description: "Ticket of " + namespace}, {Name: "tone", Enum: []string{"brief-" + namespace, "long-" + namespace}},
			},
			Channels: []v1alpha1.Channel{{Name: "beta-" + namespace, Version: ptr.To[int64](1)}},
		},
	}
}

// waitUntilPublished waits until every object is published, and both servers serve them.
func (w *world) waitUntilPublished(ctx context.Context) error {
	return wait.Until(ctx, func(ctx context.Context) error {
		if err := w.CheckRunning(testenv.Controller); err != nil {
			return err
		}
		var all v1alpha1.PromptList
		if err := w.api.List(ctx, &all); err != nil {
			return err
		}
		for i := range all.Items {
			p := &all.Items[i]
			ready := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady)
			if ready == nil || ready.Status != metav1.ConditionTrue || p.Status.ObservedGeneration != p.Generation {
				return fmt.Errorf("%s/%s is not published: %+v", p.Namespace, p.Name, ready)
			}
		}
		return nil
	})
}

// caller is somebody who asks.
type caller struct {
	name  string
	token string
	// user is who it is to Kubernetes; nil for whom no token proves.
	user *rest.ImpersonationConfig
	// mayNotChange is set where the token is good elsewhere too: such a one is kept nowhere, so nothing can be changed with it.
	mayNotChange bool
}

// userOf returns a ServiceAccount as Kubernetes knows it.
func userOf(account testenv.Account) *rest.ImpersonationConfig {
	return &rest.ImpersonationConfig{UserName: account.Subject(), Groups: []string{
		"system:serviceaccounts", "system:serviceaccounts:" + account.Namespace, "system:authenticated",
	}}
}

// may returns what Kubernetes answers the caller about its own rights, as `kubectl auth can-i` does.
func (w *world) may(ctx context.Context, c *caller, verb, namespace, name string) (bool, error) {
	if c.user == nil {
		return false, nil
	}
	key := strings.Join([]string{c.name, verb, namespace, name}, " ")
	w.mu.Lock()
	defer w.mu.Unlock()
	if allowed, known := w.decided[key]; known {
		return allowed, nil
	}
	config := rest.CopyConfig(w.ControlPlane.Config)
	config.Impersonate = *c.user
	asking, err := authorizationclient.NewForConfig(config)
	if err != nil {
		return false, err
	}
	review, err := asking.SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Group: "lectern.dev", Resource: resourceOf(verb), Verb: verb, Namespace: namespace, Name: name,
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	w.decided[key] = review.Status.Allowed
	return review.Status.Allowed, nil
}

// resourceOf returns what a verb is about.
func resourceOf(verb string) string {
	if verb == "use" || verb == "operate" {
		return "sdpconnections"
	}
	return "prompts"
}

// forgetRights has Kubernetes asked again about everybody.
func (w *world) forgetRights() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.decided)
}

// newAccount makes a ServiceAccount of a namespace without prompts, with these rights.
func (w *world) newAccount(ctx context.Context, name string, grants ...testenv.Grant) (*testenv.Account, error) {
	account := testenv.Account{Namespace: "agents", Name: name}
	if err := w.callers.CreateAccount(ctx, account); err != nil {
		return nil, err
	}
	for i, g := range grants {
		g.Account, g.Name = account, fmt.Sprintf("%s-%d", name, i)
		if err := w.callers.Grant(ctx, g); err != nil {
			return nil, err
		}
	}
	return &account, nil
}

// newCaller makes a ServiceAccount with these rights, and a token.
func (w *world) newCaller(ctx context.Context, name string, token testenv.TokenOptions, grants ...testenv.Grant) (*caller, error) {
	account, err := w.newAccount(ctx, name, grants...)
	if err != nil {
		return nil, err
	}
	if len(token.Audiences) == 0 {
		token.Audiences = []string{testenv.Audience}
	}
	text, err := w.callers.RequestToken(ctx, *account, token)
	if err != nil {
		return nil, err
	}
	return &caller{name: name, token: text, user: userOf(*account), mayNotChange: len(token.Audiences) > 1}, nil
}

// everyVerb are those of people who may do everything with prompts.
var everyVerb = []string{"get", "list", "create", "patch", "delete", "promote"}

// newCallers makes one of each kind.
func (w *world) newCallers(ctx context.Context) ([]*caller, error) {
	type kind struct {
		name   string
		token  testenv.TokenOptions
		grants []testenv.Grant
	}
	everywhere := []testenv.Grant{{Verbs: everyVerb}, {Verbs: []string{"use"}, Resource: "sdpconnections"}}
	proven := []kind{
		{"without-rights", testenv.TokenOptions{}, nil},
		{"one-namespace", testenv.TokenOptions{}, []testenv.Grant{{Namespace: red, Verbs: everyVerb}}},
		{"reader-of-one", testenv.TokenOptions{}, []testenv.Grant{{Namespace: red, Verbs: []string{"get", "list"}}}},
		{"one-prompt", testenv.TokenOptions{}, []testenv.Grant{{Namespace: red, Verbs: []string{"get", "patch"}, Objects: []string{handover}}}},
		{"lister-without-get", testenv.TokenOptions{}, []testenv.Grant{{Namespace: red, Verbs: []string{"list"}}}},
		{"user-of-one-namespace", testenv.TokenOptions{}, []testenv.Grant{{Namespace: red, Verbs: []string{"use"}, Resource: "sdpconnections"}}},
		{"user-of-one-connection", testenv.TokenOptions{}, []testenv.Grant{{
			Namespace: blue, Verbs: []string{"use"}, Resource: "sdpconnections", Objects: []string{helpdesk},
		}}},
		{"not-a-user", testenv.TokenOptions{}, []testenv.Grant{{Verbs: []string{"get", "list", "patch", "operate"}, Resource: "sdpconnections"}}},
		{"cluster-wide", testenv.TokenOptions{}, everywhere},
		{"two-audiences", testenv.TokenOptions{Audiences: []string{"https://elsewhere.test", testenv.Audience}}, everywhere},
	}
	unproven := []kind{
		{"expired", testenv.TokenOptions{Expires: time.Now().Add(-time.Hour)}, everywhere},
		{"wrong-audience", testenv.TokenOptions{Audiences: []string{"https://elsewhere.test"}}, everywhere},
		{"audience-of-the-api-server", testenv.TokenOptions{Audiences: []string{"https://kubernetes.default.svc"}}, everywhere},
	}
	made := []*caller{{name: "no-token"}, {name: "garbage", token: "garbage"}}
	for i, k := range append(proven, unproven...) {
		c, err := w.newCaller(ctx, k.name, k.token, k.grants...)
		if err != nil {
			return nil, err
		}
		if i >= len(proven) {
			c.user = nil
		}
		made = append(made, c)
	}
	return made, nil
}

// remote returns one server or the other, in turns.
func (w *world) remote() transporttest.Remote {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sequence++
	return w.remoteAt(w.Endpoints[w.sequence%len(w.Endpoints)])
}

// remoteAt returns the server with that endpoint.
func (w *world) remoteAt(endpoint string) transporttest.Remote {
	return transporttest.Remote{URL: strings.TrimSuffix(endpoint, "/mcp"), HTTP: w.http}
}

// send sends a request as a caller.
func (w *world) send(t *testing.T, c *caller, path string, q transporttest.Request) transporttest.Reply {
	t.Helper()
	return w.remote().Send(t, c.sign(path, q))
}

// sign returns the request with its path and the caller's token.
func (c *caller) sign(path string, q transporttest.Request) transporttest.Request {
	q.Path, q.Header = path, map[string]string{}
	if c.token != "" {
		q.Header["Authorization"] = "Bearer " + c.token
	}
	return q
}
