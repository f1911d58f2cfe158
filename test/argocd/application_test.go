//go:build argocd

package argocd

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/internal/testenv"
)

// application is an Application of config/argocd.
type application struct{ name string }

// applied is what an Application's status says.
type applied struct {
	Status struct {
		ReconciledAt string
		Health       struct{ Status string }
		Sync         struct{ Status, Revision string }
		History      []struct{ Revision string }
		Conditions   []struct{ Type, Message string }
		Resources    []struct {
			Kind, Name, Namespace, Status string
			Health                        struct{ Status, Message string }
		}
		OperationState struct{ Phase, Message string }
	}
}

// createApplication applies a file of config/argocd with these sources in place of those it names.
func createApplication(ctx context.Context, file string, sources map[string]string) error {
	root, err := testenv.Root()
	if err != nil {
		return err
	}
	content, err := os.ReadFile(filepath.Join(root, "config", "argocd", file))
	if err != nil {
		return err
	}
	text := string(content)
	for before, after := range sources {
		if !strings.Contains(text, before) {
			return fmt.Errorf("%s does not name %s", file, before)
		}
		text = strings.ReplaceAll(text, before, after)
	}
	at := filepath.Join(world.Dir, file)
	if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
		return err
	}
	return world.Kubectl(ctx, "apply", "--filename", at)
}

func (a application) object() *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetAPIVersion("argoproj.io/v1alpha1")
	object.SetKind("Application")
	object.SetNamespace("argocd")
	object.SetName(a.name)
	return object
}

// read returns what the Application says.
func (a application) read(ctx context.Context) (*applied, error) {
	object := a.object()
	if err := world.API.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
		return nil, err
	}
	text, err := json.Marshal(object.Object)
	if err != nil {
		return nil, err
	}
	var said applied
	err = json.Unmarshal(text, &said)
	return &said, err
}

// waitUntil waits until the Application is synchronised to a revision, whichever when empty, and of a health.
func (a application) waitUntil(ctx context.Context, revision, health string) (*applied, error) {
	var said *applied
	err := world.Until(ctx, func(ctx context.Context) (err error) {
		if said, err = a.read(ctx); err != nil {
			return err
		}
		s := said.Status
		if s.Health.Status != health || s.Sync.Status != "Synced" || revision != "" && s.Sync.Revision != revision {
			return fmt.Errorf("the Application is %s, %s at %s (%s: %s) %v; want %s at %s\n%v",
				s.Health.Status, s.Sync.Status, s.Sync.Revision, s.OperationState.Phase, s.OperationState.Message, s.Conditions, health, revision, s.Resources)
		}
		return nil
	})
	return said, err
}

// waitUntilCompared waits until all sources and objects were read anew after now, and compared.
func (a application) waitUntilCompared(ctx context.Context) (*applied, error) {
	before := time.Now()
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"annotations":{"argocd.argoproj.io/refresh":"hard"}}}`))
	if err := world.API.Patch(ctx, a.object(), patch); err != nil {
		return nil, err
	}
	var said *applied
	err := world.Until(ctx, func(ctx context.Context) (err error) {
		if said, err = a.read(ctx); err != nil {
			return err
		}
		at, err := time.Parse(time.RFC3339, said.Status.ReconciledAt)
		if err != nil || !at.After(before) {
			return fmt.Errorf("compared at %q, before %s (%w)", said.Status.ReconciledAt, before.UTC().Format(time.RFC3339), err)
		}
		return nil
	})
	return said, err
}
