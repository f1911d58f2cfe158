package servicedesk

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	auditrow "github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/audit"
)

// connection is one in memory. What it is made of changes with its row; what was learnt stays.
type connection struct {
	key     store.Key
	id      int64
	uid     string
	service *Service

	now     atomic.Pointer[settings]
	rate    *rateLease
	tokens  *tokenKeeper
	lookups *lookupCache
	numbers *numberCache
	// projectNumbers has the ids of projects by their numbers, sightings what was told of projects and tasks.
	projectNumbers *numberCache
	sightings      sightings
	failures       failureLog
	// refusesMixedDates is set once the site has shown that it takes no conditions on times beside others.
	refusesMixedDates atomic.Bool
	// refusedOrders has the fields by which the site sorts no parts of tickets.
	refusedOrders sync.Map
	// ownFields are the site's own fields of tickets.
	ownFields ownFields
}

// settings are what a row says. Nobody changes them.
type settings struct {
	store.ConnectionSettings
	revision int64
	token    *store.SealedToken
	// tokenProblem is that of the row.
	tokenProblem   string
	zone           *time.Location
	ceiling        ceiling
	projectCeiling projectCeiling
	client         *sdp.Client
	sender         *http.Client
	// problem says why there is no client; nil where there is one.
	problem error
}

func newConnection(s *Service, row store.Connection) *connection {
	c := &connection{key: row.Key, id: row.ID, uid: row.UID, service: s, numbers: newNumberCache(), projectNumbers: newNumberCache()}
	c.rate = newRateLease(s.store, row.ID, s.log.With("connection", row.Key))
	c.tokens = newTokenKeeper(s, c)
	c.lookups = newLookupCache(s, c)
	c.update(row)
	return c
}

// update takes over a row, and reports whether other tools may be offered than before.
func (c *connection) update(row store.Connection) (changed bool) {
	before := c.now.Load()
	next := &settings{ConnectionSettings: row.Settings, revision: row.Revision, token: row.Token, tokenProblem: row.Problem, ceiling: newCeiling(&row.Settings.Access),
		projectCeiling: newProjectCeiling(row.Settings.Access.Projects)}
	next.zone = loadZone(row.Settings.TimeZone)
	if before != nil && isSameServer(&before.ConnectionSettings, &row.Settings) {
		next.client, next.sender, next.problem = before.client, before.sender, before.problem
	} else {
		if before != nil && before.sender != nil {
			before.sender.CloseIdleConnections()
		}
		c.refusesMixedDates.Store(false) // it was learnt of another server
		c.refusedOrders.Clear()
		next.sender, next.client, next.problem = c.newClient(&row.Settings)
	}
	c.tokens.setProblem(row.Problem)
	c.rate.setLimits(row.Settings.RequestsPerMinute, row.Settings.Burst)
	c.now.Store(next)
	c.tokens.replace(row.Token)
	return before == nil || !slices.Equal(before.Access.Toolsets, next.Access.Toolsets) || before.Access.Mode != next.Access.Mode ||
		!reflect.DeepEqual(before.Callers, next.Callers)
}

// isReadWrite reports whether tools may write through the connection.
func (c *connection) isReadWrite() bool { return c.now.Load().Access.Mode == readWriteMode }

// isSameServer reports whether a client for one of two settings is one for the other.
func isSameServer(a, b *store.ConnectionSettings) bool {
	return a.Edition == b.Edition && a.APIURL == b.APIURL && a.Portal == b.Portal && a.CACertificates == b.CACertificates
}

// loadZone returns a time zone, which the schema of the object checked; UTC where this program knows it not.
func loadZone(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return zone
}

func (c *connection) newClient(of *store.ConnectionSettings) (*http.Client, *sdp.Client, error) {
	sender, err := c.service.newSender(of.CACertificates)
	if err != nil {
		return nil, nil, err
	}
	at, err := url.Parse(of.APIURL)
	if err != nil {
		return nil, nil, errors.New("the URL of the API is none")
	}
	client, err := sdp.New(sdp.Config{
		Edition: sdp.Edition(of.Edition), URL: at, Portal: of.Portal, Tokens: c.tokens, Limiter: &tokenFirstLimiter{c}, HTTP: sender,
		Retry: c.service.retry, Observe: c.observe,
	})
	return sender, client, err
}

// auditName is what rows of the audit call the connection.
func (c *connection) auditName() auditrow.Connection {
	return auditrow.Connection{Namespace: c.key.Namespace, Name: c.key.Name, UID: c.uid}
}

// noteUse has the row of a call name the connection, and keep of what is said what that keeps.
func (c *connection) noteUse(ctx context.Context) {
	audit.FromContext(ctx).UseConnection(c.auditName(), c.now.Load().AuditPayloads, c.lookups.knowsName)
}

// observe counts a call of ServiceDesk Plus, and has it audited.
func (c *connection) observe(ctx context.Context, o sdp.Observation) {
	c.auditCall(ctx, &o)
	outcome := string(o.Kind)
	if outcome == "" {
		outcome = "done"
	}
	c.service.metrics.calls.WithLabelValues(c.key.String(), o.Op, outcome).Inc()
	if o.Kind != "" && !saysNothingThere(o) {
		c.failures.add(o)
	}
}

// auditCall makes a row of a call. Where there is no room, that is counted, and the call was made.
func (c *connection) auditCall(ctx context.Context, o *sdp.Observation) {
	if c.service.audit == nil {
		return
	}
	row := auditrow.NewAPICall(o)
	audit.FromContext(ctx).JoinCall(row)
	row.Connection = c.auditName()
	policy := auditrow.PayloadPolicy{Payloads: c.now.Load().AuditPayloads, Keys: c.service.auditKeys, Knows: c.lookups.knowsName}
	kept, err := policy.Make(auditrow.APICallTable, c.uid, row.ID, auditrow.JoinSaid(o.Sent, o.Answered), auditrow.SDPFields)
	row.Payload = kept
	if failed := c.service.audit.Append(row); !errors.Is(failed, auditrow.ErrFull) {
		err = errors.Join(err, failed)
	}
	if err != nil {
		c.service.log.ErrorContext(ctx, "A call of ServiceDesk Plus could not be audited", "connection", c.key, "err", err)
	}
}

// saysNothingThere reports whether a call failed since there is no such thing. No caller is told of that beside the answer of the call: of
// what is outside of the ceilings ServiceDesk Plus says that it is there.
func saysNothingThere(o sdp.Observation) bool {
	return o.Kind == sdp.KindNotFound || slices.Contains(o.Codes, unknownValueCode)
}

func (c *connection) close() {
	c.rate.close()
	c.service.metrics.forget(c.key.String())
	if now := c.now.Load(); now.sender != nil {
		now.sender.CloseIdleConnections()
	}
}

// tokenFirstLimiter lets a call through that has a token to go with, and then a turn: a turn that waits for a token is void.
type tokenFirstLimiter struct{ *connection }

// Wait implements sdp.Limiter.
func (t *tokenFirstLimiter) Wait(ctx context.Context) error {
	if err := t.tokens.waitUsable(ctx); err != nil {
		return err
	}
	arrived := time.Now()
	err := t.rate.Wait(ctx)
	_, refused := errors.AsType[*sdp.WaitError](err)
	t.service.metrics.countTurn(t.key.String(), time.Since(arrived), refused)
	return err
}

// Pause implements sdp.Limiter.
func (t *tokenFirstLimiter) Pause(ctx context.Context, pause time.Duration) {
	t.service.metrics.throttled.WithLabelValues(t.key.String()).Inc()
	t.rate.Pause(ctx, pause)
}
