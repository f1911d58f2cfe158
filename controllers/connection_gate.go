package controllers

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/lectern-dev/lectern/api/v1alpha1"
)

const (
	// connectionsInterval is the time between two questions whether connections may be read by now.
	connectionsInterval = 10 * time.Second
	// reasonConnectionsNotWatched is of the event that says that they may not.
	reasonConnectionsNotWatched = "ConnectionsNotWatched"
)

var connectionsUnwatched = prometheus.NewGauge(prometheus.GaugeOpts{
	Name: "lectern_sdp_connections_unwatched",
	Help: "Whether connections to ServiceDesk Plus are left alone, because the cluster lacks their definition or the controller may not list them (1) or not (0).",
})

func init() { metrics.Registry.MustRegister(connectionsUnwatched) }

// connectionGate begins to serve connections once the API server knows their kind and lets this account list them. A watch that may
// not begin ends the whole program after a while, and an upgrade may leave definitions or roles as they were: prompts are served
// meanwhile.
type connectionGate struct {
	// reader asks the API server itself, in namespaces; one that is empty is all of them.
	reader     client.Reader
	namespaces []string
	// serve begins to serve them; it is called once.
	serve    func(ctx context.Context) error
	interval time.Duration
	log      logr.Logger
	// recorder records an event of what is in the way, on regarding.
	recorder  events.EventRecorder
	regarding runtime.Object
}

// addTo serves connections at once, or has the manager ask again until they can be.
func (g *connectionGate) addTo(ctx context.Context, mgr ctrl.Manager) error {
	err := g.check(ctx)
	if err == nil {
		connectionsUnwatched.Set(0)
		return g.serve(ctx)
	}
	if !isClosed(err) {
		return err
	}
	connectionsUnwatched.Set(1)
	g.log.Error(err, "Left connections to ServiceDesk Plus alone, until they may be read; prompts are served",
		"advice", "upgrade the custom resource definitions and the ClusterRole lectern-controller together with the program")
	return mgr.Add(g)
}

// check returns why connections cannot be listed.
func (g *connectionGate) check(ctx context.Context) error {
	for _, namespace := range g.namespaces {
		if err := g.reader.List(ctx, &v1alpha1.SDPConnectionList{}, client.InNamespace(namespace), client.Limit(1)); err != nil {
			return fmt.Errorf("list connections: %w", err)
		}
	}
	return nil
}

// isClosed reports whether an error is ended by an upgrade of definitions or roles.
func isClosed(err error) bool {
	return meta.IsNoMatchError(err) || apierrors.IsNotFound(err) || apierrors.IsForbidden(err)
}

// NeedLeaderElection lets every replica ask for itself.
func (g *connectionGate) NeedLeaderElection() bool { return false }

// Start asks until connections may be read or ctx ends.
func (g *connectionGate) Start(ctx context.Context) error {
	tick := time.NewTicker(g.interval)
	defer tick.Stop()
	told := ""
	for {
		err := g.check(ctx)
		if err == nil {
			connectionsUnwatched.Set(0)
			g.log.Info("Connections to ServiceDesk Plus may be read by now, and are served")
			return g.serve(ctx)
		}
		if isClosed(err) && err.Error() != told {
			told = err.Error()
			g.recorder.Eventf(g.regarding, nil, corev1.EventTypeWarning, reasonConnectionsNotWatched, "Watch", "%s", told)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
