package testenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coreclient "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// ConnectionOptions say which connections to ServiceDesk Plus a stack serves. The zero value is none.
type ConnectionOptions struct {
	// Namespaces are those whose connections are served. They may come later; see GrantConnections.
	Namespaces []string
	// AllowedHosts are where credentials may go.
	AllowedHosts []string
}

// sealKeySecret is what the controller makes the keys in that tokens are sealed with.
const sealKeySecret = "lectern-seal"

// sealKeyFolder is where the servers have those keys, as a kubelet mounts the controller's Secret.
func (s *Stack) sealKeyFolder() string { return filepath.Join(s.Dir, "seal-keys") }

// ServeConnections starts the processes again, so that they serve these connections and no others.
func (s *Stack) ServeConnections(ctx context.Context, o ConnectionOptions) error {
	for _, name := range stackPrograms() {
		s.Terminate(name)
	}
	s.options.Connections = o
	return s.launchPrograms(ctx)
}

// GrantConnections gives the controller's account what it needs in a namespace whose connections are served.
func (s *Stack) GrantConnections(ctx context.Context, namespace string) error {
	_, err := s.ControlPlane.Kubectl(ctx, "create", "rolebinding", "lectern-connections", "--namespace="+namespace,
		"--clusterrole=lectern-connections", "--user="+ControllerUser)
	if err != nil {
		return fmt.Errorf("grant the controller its rights over connections: %w", err)
	}
	return nil
}

// ConnectionArgs returns what a process is told about connections.
func (s *Stack) ConnectionArgs(name string) []string {
	o := s.options.Connections
	if len(o.Namespaces) == 0 {
		return nil
	}
	hosts := "--sdp-allowed-hosts=" + strings.Join(o.AllowedHosts, ",")
	switch name {
	case Controller:
		return []string{"--connection-namespaces=" + strings.Join(o.Namespaces, ","), "--seal-key-secret=" + sealKeySecret, hosts}
	case Server1, Server2:
		return []string{"--seal-key-file=" + filepath.Join(s.sealKeyFolder(), "keyset.json"), hosts}
	}
	return nil
}

// mountSealKeys does what a kubelet does for the servers: it waits for the Secret that the controller makes, and writes its files.
func (s *Stack) mountSealKeys(ctx context.Context) error {
	if len(s.options.Connections.Namespaces) == 0 { // there are no keys
		return nil
	}
	core, err := coreclient.NewForConfig(s.ControlPlane.Config)
	if err != nil {
		return fmt.Errorf("make a client for the seal keys: %w", err)
	}
	var secret *corev1.Secret
	if err := wait.Until(ctx, func(ctx context.Context) error {
		if err := s.CheckRunning(Controller); err != nil {
			return err
		}
		secret, err = core.Secrets(SystemNamespace).Get(ctx, sealKeySecret, metav1.GetOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			err = wait.Permanent(err)
		}
		return err
	}); err != nil {
		return fmt.Errorf("wait for the seal keys: %w", err)
	}
	if err := os.Mkdir(s.sealKeyFolder(), 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("make the folder of the seal keys: %w", err)
	}
	if s.sealKeys == nil {
		s.sealKeys = NewMountedSecret(s.sealKeyFolder())
	}
	return s.sealKeys.Replace(secret.Data)
}
