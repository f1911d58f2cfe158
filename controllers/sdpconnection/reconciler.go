package sdpconnection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/status"
	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/connectionlogin"
	"github.com/lectern-dev/lectern/internal/connectionobject"
	"github.com/lectern-dev/lectern/internal/faultpoint"
	"github.com/lectern-dev/lectern/internal/sdp/egress"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/store"
)

// Store is what a reconcile needs of the database.
type Store interface {
	StoreConnection(ctx context.Context, p store.ConnectionPublication) (store.StoredConnection, error)
	RemoveConnection(ctx context.Context, key store.Key, uid string) error
	CurrentToken(ctx context.Context, connection int64) (store.StoredToken, error)
	ClaimTokenRequest(ctx context.Context, claim store.TokenClaim) (request int64, err error)
	EndTokenRequest(ctx context.Context, s store.TokenRequestResult) (current bool, err error)
	StoreAPIKey(ctx context.Context, key store.Key, uid string, fingerprint store.TokenFingerprint, token store.SealedToken) error
	ReplaceAPIKey(
		ctx context.Context, key store.Key, uid string, fingerprint store.TokenFingerprint, token store.SealedToken, unopenable string,
	) error
	IsFingerprintShared(ctx context.Context, fingerprint store.TokenFingerprint, uid string) (bool, error)
	TokenRefusals(ctx context.Context, limit int) ([]store.TokenRefusal, error)
	DeleteRefusal(ctx context.Context, token string) error
	ReplaceLookup(ctx context.Context, key store.Key, uid string, lookup store.Lookup) (changed bool, err error)
	ReplaceProjects(ctx context.Context, key store.Key, uid string, read store.ProjectRead) error
	ListUnresolvedWrites(ctx context.Context, key store.Key, uid string, limit int) ([]store.UnresolvedWrite, error)
	EndUnresolvedWrite(ctx context.Context, id string, end store.WriteEnd) (store.WriteOutcome, error)
	GiveUpWrite(ctx context.Context, id string) (bool, error)
}

// Rates is what a reconcile needs of what the servers use, too: turns to call, and how lists and projects stand.
type Rates interface {
	TakeRate(ctx context.Context, connection int64, lane store.Lane, wanted int) (store.RateGrant, error)
	PauseRate(ctx context.Context, connection int64, pause time.Duration) (time.Duration, error)
	ListLookups(ctx context.Context, connection int64) ([]store.LookupState, error)
	ReadProjectCache(ctx context.Context, connection int64) (store.ProjectCacheState, error)
}

// Reconciler reconciles SDPConnections.
type Reconciler struct {
	// Client reads connections from the cache; API asks the API server itself, and reads and writes Secrets and ConfigMaps.
	Client client.Client
	API    client.Client
	Store  Store
	Rates  Rates
	Status status.Writer
	Clock  clock.WithTicker
	// Keys seal what servers need; nil where the controller has none.
	Keys *seal.StorageKeys
	// Namespaces are those whose connections are served.
	Namespaces []string
	// Audit takes a row of each call of ServiceDesk Plus and of the accounts server; nil keeps none.
	Audit audit.Writer
	// Egress says where credentials may go; its CA bundle is the connection's.
	Egress egress.Options
	// Controller names this controller in status.controller: namespace and name of its Lease.
	Controller string
	// ReleaseTimeout is how long a deleted object waits for an unreachable database, at the latest.
	ReleaseTimeout time.Duration
	// Interval is the time between two reconciles in which nothing happened.
	Interval time.Duration
	// Concurrency is how many connections are reconciled at the same time.
	Concurrency int

	memories memories
	refusals refusals
}

// Reconcile brings a connection up, or releases it when it is being deleted, and writes the outcome into its status.
func (r *Reconciler) Reconcile(ctx context.Context, c *v1alpha1.SDPConnection) (ctrl.Result, error) {
	if connectionobject.IsOfAnotherController(c, r.Controller) {
		return r.leaveToOther(ctx, c), nil
	}
	if !c.DeletionTimestamp.IsZero() {
		return r.release(ctx, c)
	}
	err := r.Status.EnsureFinalizer(ctx, c, v1alpha1.SDPConnectionFinalizer, r.Controller)
	if err == nil && connectionobject.ControllerOf(c) != r.Controller {
		err = r.Status.SetController(ctx, c, r.Controller)
	}
	if err != nil {
		return status.ResultOfPatch(err)
	}
	before := c.DeepCopy()
	c.Status.Controller = r.Controller
	p := r.newPass(c)
	p.before = before
	failed := p.run(ctx)
	if errors.Is(failed, errStale) || errors.Is(failed, store.ErrConnectionGone) {
		// Another object may be live under this name, and its event on the way; or another controller withdrew the row.
		return ctrl.Result{RequeueAfter: r.Interval}, nil
	}
	outcome := p.finish(failed)
	p.dropPartial(outcome.Kind())
	reconcilesTotal.WithLabelValues(string(outcome.Kind()), outcome.Reason()).Inc()
	if outcome.Kind() != status.KindRetry {
		c.Status.LastHandledReconcileAt = c.Annotations[v1alpha1.RequestedAtAnnotation]
	}
	result, err := r.Status.Finish(ctx, before, c, outcome)
	if err == nil {
		p.recordConditionEvents(before)
	}
	return result, err
}

// leaveToOther says once that an object is another controller's.
func (r *Reconciler) leaveToOther(ctx context.Context, c *v1alpha1.SDPConnection) ctrl.Result {
	other := connectionobject.ControllerOf(c)
	if r.memories.of(c).noteOther(other) {
		r.Status.RecordWarning(c, v1alpha1.ReasonOtherController, fmt.Sprintf(
			"controller %s leaves this connection alone, because %s reconciles it; see that one of them alone watches namespace %s (--watch-namespaces)",
			r.Controller, other, c.Namespace))
		ctrl.LoggerFrom(ctx).Info("Left a connection alone that another controller reconciles", "otherController", other)
	}
	return ctrl.Result{RequeueAfter: r.Interval}
}

// pass is one reconcile of a connection, and what it finds out.
type pass struct {
	*Reconciler
	c *v1alpha1.SDPConnection
	// before is the object as it was read.
	before *v1alpha1.SDPConnection
	memory *memory

	id     int64
	remote *remote
	// login is what it logs in with; known once the Secret was read.
	login connectionlogin.Login
	// token is the current one, nil for none, where isTokenKnown; isProven says that ServiceDesk Plus takes it.
	token                  *store.StoredToken
	isTokenKnown, isProven bool
	// retryAfter is when something can go on that could not now; zero for nothing.
	retryAfter time.Duration
	lookups    []store.LookupState
	// areRead says that the lists were looked at, pending that some are due, unread names those that cannot be read.
	areRead bool
	pending bool
	unread  []string
}

func (r *Reconciler) newPass(c *v1alpha1.SDPConnection) *pass {
	return &pass{Reconciler: r, c: c, memory: r.memories.of(c)}
}

// run does what is to be done, and returns what stands in the way of being ready.
func (p *pass) run(ctx context.Context) error {
	p.c.Status.Mode = connectionobject.Mode(&p.c.Spec)
	if err := p.connect(ctx); err != nil {
		return err
	}
	if err := p.deleteFormerTokenSecret(ctx); err != nil {
		return err
	}
	if p.c.Spec.Suspend {
		return failBlocked("", v1alpha1.ReasonSuspended,
			"spec.suspend is set: no token is refreshed, no list is read, and tools answer that the connection is suspended")
	}
	if p.Keys == nil {
		return failBlocked(v1alpha1.ConditionTokenFresh, v1alpha1.ReasonSealKeyMissing,
			"the controller has no key to seal tokens with for the servers; set --seal-key-secret or --seal-key-file (chart: connections.namespaces)")
	}
	secret, err := p.getSecret(ctx, string(p.c.Spec.Credentials.SecretName))
	if err != nil {
		return err
	}
	if secret == nil {
		return p.tellWhatServersHave(failWaiting(v1alpha1.ConditionCredentialsValid, v1alpha1.ReasonSecretMissing,
			fmt.Sprintf("there is no Secret %s in this namespace, which spec.credentials names", p.c.Spec.Credentials.SecretName), 0))
	}
	given, invalid := readCredentials(secret, p.c.Spec.Edition)
	if invalid != nil {
		return p.tellWhatServersHave(invalid)
	}
	if p.c.Spec.Edition == v1alpha1.EditionOnPremises {
		err = p.ensureAPIKey(ctx, given)
	} else {
		err = p.ensureToken(ctx, given)
	}
	if err != nil {
		return err
	}
	if err := p.resolveWrites(ctx); err != nil {
		return err
	}
	if err := p.refreshLookups(ctx); err != nil {
		return err
	}
	return p.refreshProjects(ctx)
}

// connect finds out where credentials may go, and has servers know what the manifest says.
func (p *pass) connect(ctx context.Context) error {
	if !slices.Contains(p.Namespaces, p.c.Namespace) {
		return p.withdraw(ctx, failBlocked("", v1alpha1.ReasonNamespaceNotAllowed, fmt.Sprintf(
			"this installation serves no connections of namespace %s; whoever installed it may add it to --connection-namespaces (chart: connections.namespaces)", p.c.Namespace)))
	}
	if err := connectionobject.CheckTimeZone(&p.c.Spec); err != nil {
		return failBlocked("", v1alpha1.ReasonInvalidSpec, "spec.timeZone: "+err.Error())
	}
	certificates, err := p.readCABundle(ctx)
	if err != nil {
		return err
	}
	if p.remote, err = p.openRemote(certificates); err != nil {
		if refused, is := errors.AsType[*failure](err); is && refused.reason == v1alpha1.ReasonHostNotAllowed {
			return p.withdraw(ctx, refused)
		}
		return err
	}
	if p.id, err = p.storeConnection(ctx, string(certificates)); err != nil {
		return err
	}
	faultpoint.Hit(faultpoint.ConnectionStored)
	return p.loadToken(ctx)
}

// withdraw takes from the servers what an installation does not allow any more: what they have would go on being sent.
func (p *pass) withdraw(ctx context.Context, reason *failure) error {
	if err := p.Store.RemoveConnection(ctx, connectionobject.KeyOf(p.c), string(p.c.UID)); err != nil {
		return err
	}
	p.c.Status.Token, p.c.Status.Lookups = nil, nil
	p.isTokenKnown = true
	return reason
}

// maxStoreAttempts bounds how often one reconcile stores a connection again because the row changed under it.
const maxStoreAttempts = 5

// storeConnection has servers know what the manifest says, and returns the connection's id.
func (p *pass) storeConnection(ctx context.Context, certificates string) (int64, error) {
	publication := store.ConnectionPublication{
		Key: connectionobject.KeyOf(p.c), Owner: store.Owner{UID: string(p.c.UID), Generation: p.c.Generation},
		Settings: connectionobject.SettingsOf(&p.c.Spec, certificates),
	}
	for attempt := 1; ; attempt++ {
		stored, err := p.Store.StoreConnection(ctx, publication)
		fenced, isFenced := errors.AsType[*store.FencedError](err)
		if stored.RatePending {
			p.requeueWithin(time.Second)
		}
		if !isFenced || attempt == maxStoreAttempts {
			return stored.ID, err
		}
		if err := p.confirmLive(ctx); err != nil {
			return 0, err
		}
		publication.Takeover = &fenced.Row
	}
}

// errStale says that the object of this reconcile is not the one the API server holds.
var errStale = errors.New("the object is no longer live")

// confirmLive asks the API server whether the object is the live one of its name, at its generation.
func (p *pass) confirmLive(ctx context.Context) error {
	var live v1alpha1.SDPConnection
	if err := p.API.Get(ctx, client.ObjectKeyFromObject(p.c), &live); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return errStale
		}
		return fmt.Errorf("ask the API server for the live object: %w", err)
	}
	if live.UID != p.c.UID || live.Generation != p.c.Generation || !live.DeletionTimestamp.IsZero() {
		return errStale
	}
	return nil
}
