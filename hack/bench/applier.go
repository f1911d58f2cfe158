package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/hack/local"
)

// applier is one serial client that makes the requests `kubectl apply` makes of objects that are
// new: for each a GET, then a POST with what was applied in an annotation. It costs less than
// kubectl, so that what a controller costs is not hidden behind it.
type applier struct {
	client    *http.Client
	host      string
	namespace string
}

// manifest is an object as it is sent.
type manifest struct {
	name string
	body []byte
}

func newApplier(cluster *local.ControlPlane, namespace string) (*applier, error) {
	client, err := rest.HTTPClientFor(cluster.Config)
	if err != nil {
		return nil, fmt.Errorf("make a client for the API server: %w", err)
	}
	return &applier{client: client, host: cluster.Config.Host, namespace: namespace}, nil
}

func (a *applier) close() { a.client.CloseIdleConnections() }

func (a *applier) createNamespace(ctx context.Context) error {
	body, err := json.Marshal(corev1.Namespace{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: metav1.ObjectMeta{Name: a.namespace},
	})
	if err != nil {
		return err
	}
	return a.call(ctx, http.MethodPost, "/api/v1/namespaces", body, nil)
}

// manifests turns prompts into what kubectl would send for their files.
func (a *applier) manifests(prompts []v1alpha1.Prompt) ([]manifest, error) {
	manifests := make([]manifest, len(prompts))
	for i := range prompts {
		p := prompts[i].DeepCopy()
		p.TypeMeta = metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "Prompt"}
		p.Namespace, p.Annotations = a.namespace, map[string]string{}
		applied, err := withoutStatus(p)
		if err != nil {
			return nil, err
		}
		p.Annotations[corev1.LastAppliedConfigAnnotation] = string(applied) + "\n"
		body, err := withoutStatus(p)
		if err != nil {
			return nil, err
		}
		manifests[i] = manifest{name: p.Name, body: body}
	}
	return manifests, nil
}

func withoutStatus(p *v1alpha1.Prompt) ([]byte, error) {
	whole, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(whole, &fields); err != nil {
		return nil, err
	}
	delete(fields, "status")
	return json.Marshal(fields)
}

func (a *applier) path(name string) string {
	path := "/apis/" + v1alpha1.GroupVersion.String() + "/namespaces/" + a.namespace + "/prompts"
	if name != "" {
		path += "/" + name
	}
	return path
}

func (a *applier) apply(ctx context.Context, m manifest) error {
	var found metav1.PartialObjectMetadata
	switch err := a.call(ctx, http.MethodGet, a.path(m.name), nil, &found); {
	case err == nil:
		return fmt.Errorf("prompt %s is there already", m.name)
	case !errors.Is(err, errNotFound):
		return err
	}
	return a.call(ctx, http.MethodPost, a.path("")+"?fieldManager=kubectl-client-side-apply&fieldValidation=Strict", m.body, &found)
}

// readyEvery is the time between two looks at an object that is not Ready yet.
const readyEvery = 20 * time.Millisecond

// awaitReady returns when every object was seen Ready. Objects are looked at one by one from the
// last, which is cheaper for the API server than a watch or a list and so disturbs less.
func (a *applier) awaitReady(ctx context.Context, manifests []manifest) error {
	if err := a.awaitOne(ctx, manifests[len(manifests)-1].name); err != nil {
		return err
	}
	pending, err := a.pending(ctx)
	for _, name := range pending {
		err = errors.Join(err, a.awaitOne(ctx, name))
	}
	return err
}

func (a *applier) awaitOne(ctx context.Context, name string) error {
	tick := time.NewTicker(readyEvery)
	defer tick.Stop()
	for {
		var p v1alpha1.Prompt
		if err := a.call(ctx, http.MethodGet, a.path(name), nil, &p); err != nil {
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

// pending are the prompts that are not Ready.
func (a *applier) pending(ctx context.Context) ([]string, error) {
	var all v1alpha1.PromptList
	if err := a.call(ctx, http.MethodGet, a.path(""), nil, &all); err != nil {
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

// removeAll deletes the prompts and waits until none is left.
func (a *applier) removeAll(ctx context.Context) error {
	if err := a.call(ctx, http.MethodDelete, a.path(""), nil, nil); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	return local.Settle(ctx, func(ctx context.Context) error {
		var left metav1.PartialObjectMetadataList
		if err := a.call(ctx, http.MethodGet, a.path("")+"?limit=1", nil, &left); err != nil {
			return err
		}
		if len(left.Items) > 0 {
			return fmt.Errorf("prompt %s is still there", left.Items[0].Name)
		}
		return nil
	})
}

var errNotFound = errors.New("not found")

// call makes one request and decodes the answer into into, unless that is nil.
func (a *applier) call(ctx context.Context, method, path string, body []byte, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, a.host+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "application/json")
	if len(body) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := a.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return err
	case response.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s %s: %w", method, path, errNotFound)
	case response.StatusCode >= http.StatusBadRequest:
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, answer)
	case into == nil:
		return nil
	}
	return json.Unmarshal(answer, into)
}
