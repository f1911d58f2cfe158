package testenv

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	coreclient "k8s.io/client-go/kubernetes/typed/core/v1"
	rbacclient "k8s.io/client-go/kubernetes/typed/rbac/v1"

	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// Callers makes those who call Lectern: ServiceAccounts, their tokens and their rights. All of it is as any cluster makes it:
// tokens come from the TokenRequest API, rights from RBAC.
type Callers struct {
	plane   *ControlPlane
	core    *coreclient.CoreV1Client
	rbac    *rbacclient.RbacV1Client
	reviews *authorizationclient.AuthorizationV1Client
}

// Callers returns what makes callers of this control plane.
func (c *ControlPlane) Callers() (*Callers, error) {
	core, err := coreclient.NewForConfig(c.Config)
	if err != nil {
		return nil, fmt.Errorf("make a client for callers: %w", err)
	}
	rbac, err := rbacclient.NewForConfig(c.Config)
	if err != nil {
		return nil, fmt.Errorf("make a client for callers: %w", err)
	}
	reviews, err := authorizationclient.NewForConfig(c.Config)
	if err != nil {
		return nil, fmt.Errorf("make a client for callers: %w", err)
	}
	return &Callers{c, core, rbac, reviews}, nil
}

// Account is a ServiceAccount.
type Account struct{ Namespace, Name string }

// Subject returns the account's user name.
func (a Account) Subject() string { return "system:serviceaccount:" + a.Namespace + ":" + a.Name }

// CreateNamespace makes a namespace, unless it is there.
func (c *Callers) CreateNamespace(ctx context.Context, name string) error {
	_, err := c.core.Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	return wrapUnlessExists("create a namespace", err)
}

// CreateAccount makes a ServiceAccount, and its namespace where there is none.
func (c *Callers) CreateAccount(ctx context.Context, account Account) error {
	if err := c.CreateNamespace(ctx, account.Namespace); err != nil {
		return err
	}
	object := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: account.Name}}
	_, err := c.core.ServiceAccounts(account.Namespace).Create(ctx, object, metav1.CreateOptions{})
	return wrapUnlessExists("create a ServiceAccount", err)
}

// DeleteAccount deletes a ServiceAccount.
func (c *Callers) DeleteAccount(ctx context.Context, account Account) error {
	return wrapAs("delete a ServiceAccount", c.core.ServiceAccounts(account.Namespace).Delete(ctx, account.Name, metav1.DeleteOptions{}))
}

// CreatePod makes a pod that runs as the account, as far as anybody can tell without nodes.
func (c *Callers) CreatePod(ctx context.Context, account Account, name string) error {
	_, err := c.core.Pods(account.Namespace).Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       corev1.PodSpec{ServiceAccountName: account.Name, Containers: []corev1.Container{{Name: "agent", Image: "agent"}}},
	}, metav1.CreateOptions{})
	return wrapAs("create a pod", err)
}

// DeletePod deletes a pod at once.
func (c *Callers) DeletePod(ctx context.Context, namespace, name string) error {
	return wrapAs("delete a pod", c.core.Pods(namespace).Delete(ctx, name, *metav1.NewDeleteOptions(0)))
}

// TokenOptions say which token is wanted. The zero value is one for the API server itself, good for an hour.
type TokenOptions struct {
	Audiences []string
	// Lifetime is at least 10 minutes, which the API server insists on.
	Lifetime time.Duration
	// Pod is the name of the pod that the token goes with.
	Pod string
	// Expires is when the token expires where that is sooner than the API server would let it: now, or long ago.
	Expires time.Time
}

// RequestToken returns a token of the account, as a pod gets it from its kubelet.
func (c *Callers) RequestToken(ctx context.Context, account Account, o TokenOptions) (string, error) {
	spec := authenticationv1.TokenRequestSpec{Audiences: o.Audiences}
	if o.Lifetime != 0 {
		seconds := int64(o.Lifetime / time.Second)
		spec.ExpirationSeconds = &seconds
	}
	if o.Pod != "" {
		spec.BoundObjectRef = &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: o.Pod}
	}
	request, err := c.core.ServiceAccounts(account.Namespace).CreateToken(ctx, account.Name, &authenticationv1.TokenRequest{Spec: spec}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("request a token: %w", err)
	}
	if o.Expires.IsZero() {
		return request.Status.Token, nil
	}
	return c.plane.signAgain(request.Status.Token, o.Expires)
}

// Grant is a right, with the objects that give it.
type Grant struct {
	// Name is that of the role and of its binding.
	Name string
	// Namespace is where the right holds; empty is everywhere.
	Namespace string
	// Account has the right; or Group, or User.
	Account     Account
	Group, User string
	Verbs       []string
	// Resource is one of lectern.dev: prompts when empty.
	Resource string
	// Objects are the names the right is for; empty is all.
	Objects []string
}

func (g *Grant) subject() rbacv1.Subject {
	switch {
	case g.Group != "":
		return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: g.Group}
	case g.User != "":
		return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: g.User}
	}
	return rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: g.Account.Namespace, Name: g.Account.Name}
}

func (g *Grant) rules() []rbacv1.PolicyRule {
	resource := g.Resource
	if resource == "" {
		resource = "prompts"
	}
	return []rbacv1.PolicyRule{{APIGroups: []string{"lectern.dev"}, Resources: []string{resource}, Verbs: g.Verbs, ResourceNames: g.Objects}}
}

// Grant gives a right, and returns once the API server decides by it: its authorizer has a copy of the objects that is a moment old.
func (c *Callers) Grant(ctx context.Context, g Grant) error {
	if err := c.createGrant(ctx, g); err != nil {
		return err
	}
	for _, verb := range g.Verbs {
		if err := c.WaitForDecision(ctx, g.review(verb), true); err != nil {
			return err
		}
	}
	return nil
}

// review asks whether whom a grant is for may do one of its verbs.
func (g *Grant) review(verb string) authorizationv1.SubjectAccessReviewSpec {
	about := g.rules()[0]
	asked := authorizationv1.SubjectAccessReviewSpec{User: g.User, ResourceAttributes: &authorizationv1.ResourceAttributes{
		Group: about.APIGroups[0], Resource: about.Resources[0], Verb: verb, Namespace: g.Namespace,
	}}
	if len(g.Objects) > 0 {
		asked.ResourceAttributes.Name = g.Objects[0]
	}
	switch {
	case g.Group != "":
		asked.User, asked.Groups = "somebody", []string{g.Group}
	case g.User == "":
		asked.User = g.Account.Subject()
	}
	return asked
}

// WaitForDecision waits until the API server allows what is asked, or until it denies it.
func (c *Callers) WaitForDecision(ctx context.Context, asked authorizationv1.SubjectAccessReviewSpec, allowed bool) error {
	return wait.Until(ctx, func(ctx context.Context) error {
		review, err := c.reviews.SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{Spec: asked}, metav1.CreateOptions{})
		if err == nil && review.Status.Allowed != allowed {
			err = fmt.Errorf("%s %s may %s %s: %t", asked.User, asked.Groups, asked.ResourceAttributes.Verb, asked.ResourceAttributes.Resource, review.Status.Allowed)
		}
		return err
	})
}

func (c *Callers) createGrant(ctx context.Context, g Grant) error {
	meta, subjects := metav1.ObjectMeta{Name: g.Name}, []rbacv1.Subject{g.subject()}
	if g.Namespace == "" {
		_, err := c.rbac.ClusterRoles().Create(ctx, &rbacv1.ClusterRole{ObjectMeta: meta, Rules: g.rules()}, metav1.CreateOptions{})
		if err != nil {
			return fmt.Errorf("create a ClusterRole: %w", err)
		}
		return c.BindClusterRole(ctx, g.Name, g.Name, subjects...)
	}
	_, err := c.rbac.Roles(g.Namespace).Create(ctx, &rbacv1.Role{ObjectMeta: meta, Rules: g.rules()}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("create a Role: %w", err)
	}
	_, err = c.rbac.RoleBindings(g.Namespace).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: meta, Subjects: subjects, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: g.Name},
	}, metav1.CreateOptions{})
	return wrapAs("create a RoleBinding", err)
}

// Revoke takes a right away.
func (c *Callers) Revoke(ctx context.Context, g Grant) error {
	if g.Namespace == "" {
		return errors.Join(
			wrapAs("delete a ClusterRoleBinding", c.rbac.ClusterRoleBindings().Delete(ctx, g.Name, metav1.DeleteOptions{})),
			wrapAs("delete a ClusterRole", c.rbac.ClusterRoles().Delete(ctx, g.Name, metav1.DeleteOptions{})))
	}
	return errors.Join(
		wrapAs("delete a RoleBinding", c.rbac.RoleBindings(g.Namespace).Delete(ctx, g.Name, metav1.DeleteOptions{})),
		wrapAs("delete a Role", c.rbac.Roles(g.Namespace).Delete(ctx, g.Name, metav1.DeleteOptions{})))
}

// BindClusterRole gives a ClusterRole that is there to subjects, in all namespaces.
func (c *Callers) BindClusterRole(ctx context.Context, name, role string, subjects ...rbacv1.Subject) error {
	_, err := c.rbac.ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
	}, metav1.CreateOptions{})
	return wrapAs("create a ClusterRoleBinding", err)
}

// WriteKubeconfig writes a file with which a program is the account, and returns its path. It goes with the control plane.
func (c *Callers) WriteKubeconfig(ctx context.Context, account Account) (string, error) {
	token, err := c.RequestToken(ctx, account, TokenOptions{Lifetime: 24 * time.Hour})
	if err != nil {
		return "", err
	}
	path := filepath.Join(c.plane.dir, account.Namespace+"."+account.Name+".kubeconfig")
	return path, writeKubeconfig(path, c.plane.Config.Host, token, c.plane.Config.CAData)
}

func wrapUnlessExists(what string, err error) error {
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return wrapAs(what, err)
}

func wrapAs(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
