package testenv

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
)

// ServerAccount is who a stack's servers are to the API server.
var ServerAccount = Account{Namespace: SystemNamespace, Name: "lectern-server"}

// Audience is that of tokens for a stack with StackOptions.Authenticate.
const Audience = "http://lectern.test/mcp"

// createServerAccount makes the account of the servers, with the rights that config/rbac gives them and no others.
func (s *Stack) createServerAccount(ctx context.Context) error {
	if !s.options.Authenticate {
		return nil
	}
	callers, err := s.ControlPlane.Callers()
	if err != nil {
		return err
	}
	if s.ServerKubeconfig, err = callers.createServerAccount(ctx); err != nil {
		return fmt.Errorf("be the servers' account: %w", err)
	}
	return nil
}

// createIntakeKeys makes the keys by which the servers hand tokens to the controller.
func (s *Stack) createIntakeKeys(ctx context.Context) error {
	if !s.options.Authenticate {
		return nil
	}
	s.IntakeKeyFile, s.IntakePublicKeyFile = filepath.Join(s.Dir, "intake.json"), filepath.Join(s.Dir, "intake-public.json")
	return s.MakeIntakeKeys(ctx, s.IntakeKeyFile, s.IntakePublicKeyFile)
}

// MakeIntakeKeys makes two files with `lectern keys new`.
func (s *Stack) MakeIntakeKeys(ctx context.Context, private, public string, more ...string) error {
	args := append([]string{"keys", "new", "--intake-key-file=" + private, "--intake-public-key-file=" + public}, more...)
	if out, err := exec.CommandContext(ctx, s.Binary, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("lectern keys new: %w\n%s", err, out)
	}
	return nil
}

// serverAccessArgs returns how the servers authenticate callers.
func (s *Stack) serverAccessArgs() []string {
	if !s.options.Authenticate {
		return []string{"--auth=none"}
	}
	return []string{"--auth=kubernetes", "--audience=" + Audience, "--kubeconfig=" + s.ServerKubeconfig, "--intake-public-key-file=" + s.IntakePublicKeyFile}
}

// controllerAccessArgs returns how the controller proves who asks for changes.
func (s *Stack) controllerAccessArgs() []string {
	if !s.options.Authenticate {
		return []string{"--changes=unproven"} // no caller is authenticated here: the servers ask nobody, either
	}
	return []string{"--auth=kubernetes", "--audience=" + Audience, "--intake-key-file=" + s.IntakeKeyFile}
}

// CreateServerAccount makes ServerAccount with the rights that config/rbac gives servers, and returns a kubeconfig of it.
func (c *ControlPlane) CreateServerAccount(ctx context.Context, callers *Callers) (kubeconfig string, err error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	if _, err := c.Kubectl(ctx, "create", "--filename", filepath.Join(root, "config", "rbac", "server_role.yaml")); err != nil {
		return "", err
	}
	return callers.createServerAccount(ctx)
}

// createServerAccount is CreateServerAccount where the ClusterRole is there.
func (c *Callers) createServerAccount(ctx context.Context) (kubeconfig string, err error) {
	if err := c.CreateAccount(ctx, ServerAccount); err != nil {
		return "", err
	}
	if err := c.BindClusterRole(ctx, ServerAccount.Name, "lectern-server",
		rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: ServerAccount.Namespace, Name: ServerAccount.Name}); err != nil {
		return "", err
	}
	asked := authorizationv1.SubjectAccessReviewSpec{User: ServerAccount.Subject(), ResourceAttributes: &authorizationv1.ResourceAttributes{
		Group: "authorization.k8s.io", Resource: "subjectaccessreviews", Verb: "create",
	}}
	if err := c.WaitForDecision(ctx, asked, true); err != nil {
		return "", err
	}
	return c.WriteKubeconfig(ctx, ServerAccount)
}
