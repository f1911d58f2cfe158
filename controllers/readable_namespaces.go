package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/namespaces"
)

// readableInterval is the time between two questions whether a namespace may be read by now.
const readableInterval = 30 * time.Second

var unreadableNamespaces = prometheus.NewGauge(prometheus.GaugeOpts{
	Name: "lectern_unreadable_namespaces",
	Help: "Watched namespaces that are left out, because the controller may not read prompts in them.",
})

func init() { metrics.Registry.MustRegister(unreadableNamespaces) }

// readableNamespaces are the watched namespaces, parted by whether prompts may be read there. A Role goes with its namespace;
// the watch of one that may not be read never begins, and no other would be served while all of them are waited for.
type readableNamespaces struct {
	reader    client.Reader
	watched   namespaces.Watched
	forbidden []string
	// interval is the time between two questions about those that are forbidden.
	interval time.Duration
}

// findReadable asks the API server about each namespace. What else is wrong with it shows when it is watched.
func findReadable(ctx context.Context, config *rest.Config, scheme *runtime.Scheme, watched namespaces.Watched) (*readableNamespaces, error) {
	r := &readableNamespaces{watched: watched, interval: readableInterval}
	if watched.IsAll() {
		return r, nil
	}
	var err error
	if r.reader, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		return nil, fmt.Errorf("set up the client for the watched namespaces: %w", err)
	}
	for _, namespace := range watched.Names() {
		if apierrors.IsForbidden(r.tryList(ctx, namespace)) {
			r.forbidden = append(r.forbidden, namespace)
		}
	}
	if len(r.forbidden) == len(watched.Names()) {
		return nil, fmt.Errorf("this account may list prompts in none of the watched namespaces (%s): give it a Role and a RoleBinding in each", watched)
	}
	return r, nil
}

// tryList returns why prompts of a namespace cannot be listed.
func (r *readableNamespaces) tryList(ctx context.Context, namespace string) error {
	return r.reader.List(ctx, &v1alpha1.PromptList{}, client.InNamespace(namespace), client.Limit(1))
}

// cacheOptions bounds what is watched.
func (r *readableNamespaces) cacheOptions() cache.Options {
	if r.watched.IsAll() {
		return cache.Options{}
	}
	o := cache.Options{DefaultNamespaces: map[string]cache.Config{}}
	for _, namespace := range r.names() {
		o.DefaultNamespaces[namespace] = cache.Config{}
	}
	return o
}

// names returns the namespaces that are watched; a single empty one is all of them.
func (r *readableNamespaces) names() []string {
	if r.watched.IsAll() {
		return []string{metav1.NamespaceAll}
	}
	return slices.DeleteFunc(slices.Clone(r.watched.Names()), func(name string) bool { return slices.Contains(r.forbidden, name) })
}

// addTo has the manager ask again about what may not be read.
func (r *readableNamespaces) addTo(mgr ctrl.Manager) error {
	unreadableNamespaces.Set(float64(len(r.forbidden)))
	if len(r.forbidden) == 0 {
		return nil
	}
	mgr.GetLogger().Error(nil, "Left out watched namespaces whose prompts may not be read, until they may", "namespaces", r.forbidden,
		"advice", "create the namespace, and a Role and RoleBinding for this account in it; or take it out of --watch-namespaces")
	return mgr.Add(r)
}

// NeedLeaderElection lets every replica ask for itself.
func (r *readableNamespaces) NeedLeaderElection() bool { return false }

// Start asks until ctx ends. It returns an error when a namespace may be read that is not watched: what is watched is decided
// at the start, so only a new process watches it.
func (r *readableNamespaces) Start(ctx context.Context) error {
	var found []string
	_ = wait.PollUntilContextCancel(ctx, r.interval, false, func(ctx context.Context) (bool, error) {
		for _, namespace := range r.forbidden {
			if r.tryList(ctx, namespace) == nil {
				found = append(found, namespace)
			}
		}
		return len(found) > 0, nil
	})
	if len(found) == 0 { // it was stopped
		return nil
	}
	return fmt.Errorf("prompts of %s may be read by now; ending, to watch them", excerpt.List(found, ", "))
}
