package controllers

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/lectern-dev/lectern/controllers/sdpconnection"
	"github.com/lectern-dev/lectern/controllers/secrets"
	"github.com/lectern-dev/lectern/controllers/status"
	"github.com/lectern-dev/lectern/internal/seal"
)

// connectionInterval is the time between two reconciles of a connection, give or take a tenth: how soon a changed Secret is seen.
const connectionInterval = time.Minute

// addConnections adds what serves connections to ServiceDesk Plus, now or as soon as they may be read.
func addConnections(ctx context.Context, mgr ctrl.Manager, o *options, db *database, namespace *secrets.Namespace, readable *readableNamespaces, calls *callAudit) error {
	log := mgr.GetLogger().WithName("connections")
	lease := &coordinationv1.Lease{}
	lease.Name, lease.Namespace = o.cluster.leaseName, o.cluster.leaseNamespace
	gate := &connectionGate{
		reader: mgr.GetAPIReader(), namespaces: readable.names(), interval: connectionsInterval, log: log,
		serve:    func(ctx context.Context) error { return serveConnections(ctx, mgr, o, db, namespace, calls, log) },
		recorder: mgr.GetEventRecorder(component), regarding: lease,
	}
	return gate.addTo(ctx, mgr)
}

// serveConnections adds the reconciler of connections, and what it stands on.
func serveConnections(ctx context.Context, mgr ctrl.Manager, o *options, db *database, namespace *secrets.Namespace, calls *callAudit, log logr.Logger) error {
	keys, err := openSealKeys(ctx, mgr, o, db, namespace)
	if err != nil {
		return err
	}
	allowed, err := o.connections.destinations(ctx, mgr.GetConfig(), log)
	if err != nil {
		return err
	}
	config := rest.CopyConfig(mgr.GetConfig())
	config.Timeout = secretCallTimeout
	api, err := client.New(config, client.Options{Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper()})
	if err != nil {
		return fmt.Errorf("set up the client for connections: %w", err)
	}
	audited, err := calls.open(ctx, o, db, keys, log)
	if err != nil {
		return err
	}
	connections := &sdpconnection.Reconciler{
		Audit:  audited,
		Client: mgr.GetClient(), API: api, Store: db.writer, Rates: db.store, Keys: keys, Clock: clock.RealClock{},
		Status:     status.Writer{Client: mgr.GetClient(), Recorder: mgr.GetEventRecorder(component)},
		Namespaces: o.connections.namespaces, Egress: allowed, Controller: o.cluster.controllerName(),
		ReleaseTimeout: o.releaseTimeout, Interval: connectionInterval, Concurrency: o.concurrency,
	}
	refused := make(chan event.GenericEvent)
	if err := connections.SetupWithManager(mgr, refused); err != nil {
		return fmt.Errorf("set up the reconciler of connections: %w", err)
	}
	return mgr.Add(&sdpconnection.RefusalReader{Reconciler: connections, Listen: db.store.ListenRefusals, Refused: refused, Log: log})
}

// openSealKeys returns the keys that tokens are sealed with for servers, from a Secret or a file; nil when there is neither.
func openSealKeys(ctx context.Context, mgr ctrl.Manager, o *options, db *database, namespace *secrets.Namespace) (*seal.StorageKeys, error) {
	log := mgr.GetLogger().WithName("seal")
	if o.connections.sealKeyFile != "" {
		keys, err := seal.OpenStorageKeys(o.connections.sealKeyFile, structuredLog(log))
		if err != nil {
			return nil, fmt.Errorf("--seal-key-file: %w", err)
		}
		return keys, nil
	}
	if o.secrets.sealKeys == "" {
		return nil, nil
	}
	secret, err := namespace.Get(ctx, o.secrets.sealKeys)
	if err != nil {
		return nil, err
	}
	keys, err := seal.ParseStorageKeys(secret.Data[secrets.SealKeyset])
	if err != nil {
		return nil, fmt.Errorf("--seal-key-secret: %s of Secret %s: %w", secrets.SealKeyset, client.ObjectKeyFromObject(secret), err)
	}
	if err := mgr.Add(secrets.FollowSealKeys(namespace, secret.Name, keys, log)); err != nil {
		return nil, err
	}
	return keys, mgr.Add(&secrets.SealRotation{
		Namespace: namespace, Secret: secret.Name, Keys: keys, Clock: clock.RealClock{}, Log: log,
		Reseal: func(ctx context.Context) (int, error) { return sdpconnection.ResealTokens(ctx, db.writer, keys) },
	})
}
