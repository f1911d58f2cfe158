package controllers

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/changes"
	"github.com/lectern-dev/lectern/controllers/prompt"
	"github.com/lectern-dev/lectern/controllers/status"
	"github.com/lectern-dev/lectern/controllers/upkeep"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/telemetry"
)

// component names the controller in events, traces and the database.
const component = "lectern-controller"

// Command returns `lectern controller`.
func Command(version string) *cobra.Command {
	o := options{version: version}
	c := &cobra.Command{
		Use:   "controller",
		Short: "Reconcile Prompt and SDPConnection objects into the database",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.validate(os.Getenv); err != nil {
				return err
			}
			return runController(c.Context(), o)
		},
	}
	o.addFlags(c.Flags())
	return c
}

func runController(ctx context.Context, o options) (err error) {
	stopTelemetry, err := telemetry.Start(ctx, component)
	if err != nil {
		return err
	}
	defer func() { _ = stopTelemetry(context.WithoutCancel(ctx)) }()
	collectEarly()
	mgr, readable, err := newManager(ctx, &o)
	if err != nil {
		return err
	}
	namespace, err := prepareSecrets(ctx, mgr, &o)
	if err != nil {
		return err
	}
	uid, err := clusterUID(ctx, mgr.GetAPIReader())
	if err != nil {
		return err
	}
	db, err := openDatabase(ctx, o, uid, mgr.GetLogger().WithName("database"))
	if err != nil {
		return err
	}
	defer db.store.Close()
	unregister, err := registerMetrics(metrics.Registry, append(db.store.Metrics(), newProcessMetrics(o.version, mgr.Elected(), db)...))
	if err != nil {
		return err
	}
	defer unregister()
	for _, runnable := range []manager.Runnable{db, heapTuner{}} {
		if err := mgr.Add(runnable); err != nil {
			return err
		}
	}
	if err := addProbes(mgr, db); err != nil {
		return err
	}
	keys, err := openIntakeKeys(ctx, mgr, &o, namespace)
	if err != nil {
		return err
	}
	prover, letGo, err := newProver(ctx, &o, keys, mgr.GetLogger().WithName("changes"))
	if err != nil {
		return err
	}
	defer letGo()
	if err := o.secrets.addRotation(mgr, namespace, db.store); err != nil {
		return err
	}
	if err := addReconcilers(ctx, mgr, o, db, prover); err != nil {
		return err
	}
	calls := &callAudit{}
	defer func() { err = errors.Join(err, calls.close()) }() // after the manager, before the database
	if err := addConnections(ctx, mgr, &o, db, namespace, readable, calls); err != nil {
		return err
	}
	return mgr.Start(ctx)
}

// addProbes has the controller be ready while the database can be used, and alive while it answers at all.
func addProbes(mgr manager.Manager, db *database) error {
	return errors.Join(mgr.AddReadyzCheck("database", db.checkReady), mgr.AddHealthzCheck("ping", healthz.Ping))
}

func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	return scheme, nil
}

func newManager(ctx context.Context, o *options) (ctrl.Manager, *readableNamespaces, error) {
	config, err := o.cluster.restConfig()
	if err != nil {
		return nil, nil, err
	}
	scheme, err := newScheme()
	if err != nil {
		return nil, nil, err
	}
	readable, err := findReadable(ctx, config, scheme, o.cluster.watched)
	if err != nil {
		return nil, nil, err
	}
	caching := readable.cacheOptions()
	caching.DefaultTransform = (&unreadDropper{}).transform
	mgr, err := o.leaderElection.newManager(config, &o.cluster, ctrl.Options{
		Scheme:                 scheme,
		Metrics:                metricsserver.Options{BindAddress: o.metricsAddress},
		HealthProbeBindAddress: o.probeAddress,
		LivenessEndpointName:   "/livez",
		Cache:                  caching,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("set up the controller: %w", err)
	}
	return mgr, readable, readable.addTo(mgr)
}

// clusterUID returns the UID of namespace kube-system, which names the cluster: nothing else in it lives as long.
func clusterUID(ctx context.Context, reader client.Reader) (string, error) {
	var ns corev1.Namespace
	if err := reader.Get(ctx, types.NamespacedName{Name: "kube-system"}, &ns); err != nil {
		return "", fmt.Errorf("read namespace kube-system, whose uid names the cluster: %w", err)
	}
	return string(ns.UID), nil
}

func addReconcilers(ctx context.Context, mgr ctrl.Manager, o options, db *database, prover *changes.Prover) error {
	recorder := mgr.GetEventRecorder(component)
	drifted := make(chan event.GenericEvent)
	prompts := &prompt.Reconciler{
		Client:       mgr.GetClient(),
		Live:         mgr.GetAPIReader(),
		Store:        db.writer,
		Status:       status.Writer{Client: mgr.GetClient(), Recorder: recorder},
		Clock:        clock.RealClock{},
		HistoryLimit: o.maxVersions,
		HistoryBytes: o.maxVersionBytes,
		Resync:       o.resync,
		Controller:   o.cluster.controllerName(), ReleaseTimeout: o.releaseTimeout,
		Concurrency: o.concurrency,
	}
	if err := prompts.SetupWithManager(ctx, mgr, drifted); err != nil {
		return fmt.Errorf("set up the prompt reconciler: %w", err)
	}
	if err := addChanges(mgr, o, db, prover, drifted); err != nil {
		return err
	}
	if err := mgr.Add(sealScrubber{db.store}); err != nil {
		return err
	}
	lease := &coordinationv1.Lease{}
	lease.Name, lease.Namespace = o.cluster.leaseName, o.cluster.leaseNamespace
	return mgr.Add(&upkeep.Runner{
		Store:              db.writer,
		Live:               mgr.GetAPIReader(),
		Watched:            o.cluster.watched,
		Unreadable:         func(count int) { unreadableNamespaces.Set(float64(count)) },
		Controller:         o.cluster.controllerName(),
		Recorder:           recorder,
		Regarding:          lease,
		Log:                mgr.GetLogger().WithName("upkeep"),
		ComparisonInterval: o.comparisonInterval,
		Grace:              o.comparisonGrace,
		SweepLimit:         o.sweepLimit,
		ServerRole:         o.serverRole,
		AuditRetention:     o.auditRetention,
		Drifted:            drifted,
	})
}

// addChanges adds the writer of change requests, with a client of its own: it reads past the cache, and its calls end in
// time.
func addChanges(mgr ctrl.Manager, o options, db *database, prover *changes.Prover, drifted chan<- event.GenericEvent) error {
	config := rest.CopyConfig(mgr.GetConfig())
	config.Timeout = store.ObjectWriteTimeout
	objects, err := client.New(config, client.Options{Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper()})
	if err != nil {
		return fmt.Errorf("set up the client for change requests: %w", err)
	}
	return mgr.Add(&changes.Changes{
		Objects:       client.WithFieldOwner(objects, promptobject.AgentFieldManager),
		Store:         db.writer,
		Watched:       o.cluster.watched,
		Controller:    o.cluster.controllerName(),
		Listen:        listenChanges(db.store),
		Recorder:      mgr.GetEventRecorder(component),
		Log:           mgr.GetLogger().WithName("changes"),
		AllowUnproven: o.changes == changesUnproven,
		Prover:        prover,
		Concurrency:   o.concurrency,
		Drifted:       drifted,
	})
}

// listenChanges returns what wakes whoever asks for open change requests.
func listenChanges(s *postgres.Store) func(ctx context.Context, wake func()) {
	return func(ctx context.Context, wake func()) { s.ListenChanges(ctx, func(string) { wake() }) }
}
