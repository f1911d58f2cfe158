package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/hack/promptcsv"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// tenant is a namespace of the API server, and a client that looks at it.
type tenant struct {
	cluster   *testenv.ControlPlane
	client    *http.Client
	namespace string
}

// newTenant makes the namespace.
func newTenant(ctx context.Context, cluster *testenv.ControlPlane, namespace string) (*tenant, error) {
	client, err := rest.HTTPClientFor(cluster.Config)
	if err != nil {
		return nil, fmt.Errorf("make a client for the API server: %w", err)
	}
	if _, err := cluster.Kubectl(ctx, "create", "namespace", namespace); err != nil {
		return nil, err
	}
	return &tenant{cluster: cluster, client: client, namespace: namespace}, nil
}

func (t *tenant) close() { t.client.CloseIdleConnections() }

// writeFiles puts the prompts into files, one each, as people keep them.
func writeFiles(dir string, prompts []v1alpha1.Prompt) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return promptcsv.WriteFiles(dir, prompts)
}

// applyFolder has kubectl apply a folder: for each object it makes a GET and then a POST, one after the
// other.
func (t *tenant) applyFolder(ctx context.Context, dir string) error {
	_, err := t.cluster.Kubectl(ctx, "apply", "--namespace="+t.namespace, "--filename="+dir)
	return err
}

// objectPath returns the path of a prompt, or of all when name is empty.
func (t *tenant) objectPath(name string) string {
	path := "/apis/" + v1alpha1.GroupVersion.String() + "/namespaces/" + t.namespace + "/prompts"
	if name != "" {
		path += "/" + name
	}
	return path
}

// readyEvery is the time between two looks at an object that is not Ready yet.
const readyEvery = 50 * time.Millisecond

// waitUntilAllReady returns when every object was seen Ready. Objects are looked at one by one from the
// last, which is cheaper for the API server than a watch or a list and so disturbs less.
func (t *tenant) waitUntilAllReady(ctx context.Context, last string) error {
	if err := t.waitUntilReady(ctx, last); err != nil {
		return err
	}
	pending, err := t.listPending(ctx)
	for _, name := range pending {
		err = errors.Join(err, t.waitUntilReady(ctx, name))
	}
	return err
}

func (t *tenant) waitUntilReady(ctx context.Context, name string) error {
	tick := time.NewTicker(readyEvery)
	defer tick.Stop()
	for {
		var p v1alpha1.Prompt
		if err := t.sendEmpty(ctx, http.MethodGet, t.objectPath(name), &p); err != nil {
			return err
		}
		if meta.IsStatusConditionTrue(p.Status.Conditions, v1alpha1.ConditionReady) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// listPending returns the prompts that are not Ready.
func (t *tenant) listPending(ctx context.Context) ([]string, error) {
	var all v1alpha1.PromptList
	if err := t.sendEmpty(ctx, http.MethodGet, t.objectPath(""), &all); err != nil {
		return nil, err
	}
	all.Items = slices.DeleteFunc(all.Items, func(p v1alpha1.Prompt) bool {
		return meta.IsStatusConditionTrue(p.Status.Conditions, v1alpha1.ConditionReady)
	})
	names := make([]string, len(all.Items))
	for i := range all.Items {
		names[i] = all.Items[i].Name
	}
	return names, nil
}

// removeAll deletes the prompts and waits until none is left. On a busy machine the API server may not delete a thousand within
// the minute it gives a request.
func (t *tenant) removeAll(ctx context.Context) error {
	err := wait.Until(ctx, func(ctx context.Context) error { return t.sendEmpty(ctx, http.MethodDelete, t.objectPath(""), nil) })
	if err != nil {
		return err
	}
	return t.waitUntilNone(ctx)
}

func (t *tenant) waitUntilNone(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	return wait.Until(ctx, func(ctx context.Context) error {
		var left metav1.PartialObjectMetadataList
		if err := t.sendEmpty(ctx, http.MethodGet, t.objectPath("")+"?limit=1", &left); err != nil {
			return err
		}
		if len(left.Items) > 0 {
			return fmt.Errorf("prompt %s is still there", left.Items[0].Name)
		}
		return nil
	})
}

// createReady makes a prompt of one text and waits until it is Ready.
func (t *tenant) createReady(ctx context.Context, name, text string) error {
	object := fmt.Sprintf(`{"apiVersion":%q,"kind":"Prompt","metadata":{"name":%q},"spec":{"text":%q}}`, v1alpha1.GroupVersion, name, text)
	if err := t.send(ctx, http.MethodPost, t.objectPath(""), "application/json", object, nil); err != nil {
		return err
	}
	return t.waitUntilReady(ctx, name)
}

// editText changes the text of a prompt, as kubectl patch does.
func (t *tenant) editText(ctx context.Context, name, text string) error {
	return t.send(ctx, http.MethodPatch, t.objectPath(name), "application/merge-patch+json", fmt.Sprintf(`{"spec":{"text":%q}}`, text), nil)
}

// sendEmpty makes one request without a body.
func (t *tenant) sendEmpty(ctx context.Context, method, path string, into any) error {
	return t.send(ctx, method, path, "", "", into)
}

// send makes one request and decodes the answer into into, unless that is nil.
func (t *tenant) send(ctx context.Context, method, path, contentType, body string, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, t.cluster.Config.Host+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := t.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return err
	case response.StatusCode >= http.StatusBadRequest:
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, answer)
	case into == nil:
		return nil
	}
	return json.Unmarshal(answer, into)
}
