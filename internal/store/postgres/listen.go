package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// The channels of the database.
const (
	feedChannel     = "lectern"
	changesChannel  = "lectern_changes"
	refusalsChannel = "lectern_refusals"
	probeChannel    = "lectern_probe"
)

// The listener asks a silent connection for an answer this often: a path that swallows packets would
// otherwise look like a database where nothing happens.
const (
	listenPing        = 15 * time.Second
	listenPingTimeout = 5 * time.Second
)

// Listen calls wake at once, on every notification of a change, and whenever something may have been missed, until ctx
// ends. While notifications are not heard it calls wake every half second. A notification is a hint:
// the caller asks Feed, and polls besides. All who listen share one connection and one goroutine, which wake must not block.
func (s *Store) Listen(ctx context.Context, wake func()) {
	s.listener.deliver(ctx, feedChannel, func(string) { wake() })
}

// ListenChanges does the same for change requests: wake is given the id of one that was made or became final, or an empty
// one when any may have been.
func (s *Store) ListenChanges(ctx context.Context, wake func(id string)) {
	s.listener.deliver(ctx, changesChannel, wake)
}

// ListenRefusals does the same for tokens that servers were refused.
func (s *Store) ListenRefusals(ctx context.Context, wake func()) {
	s.listener.deliver(ctx, refusalsChannel, func(string) { wake() })
}

// HearsNotifications reports whether notifications reach those who listen, so that they need not poll.
func (s *Store) HearsNotifications() bool { return s.listener.heard.Load() }

// connectListener connects and listens. It takes no longer than a ping may: a server that takes connections and then says
// nothing is away.
func (s *Store) connectListener(ctx context.Context) (*pgx.Conn, error) {
	cfg, err := s.opts.listenConfig(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.settings.apply(ctx, cfg); err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, listenPingTimeout)
	defer cancel()
	for _, channel := range []string{feedChannel, changesChannel, refusalsChannel, probeChannel} {
		if _, err := conn.Exec(ctx, "listen "+channel); err != nil {
			closeWithin(ctx, conn)
			return nil, err
		}
	}
	return conn, nil
}

// sendProbe notifies the listener from a connection of the pool: what a connection notifies itself of is heard even where
// nothing else is.
func (s *Store) sendProbe(ctx context.Context, probe string) error {
	if err := s.feed.SendProbe(ctx, probe); err != nil {
		return fmt.Errorf("notify the listener: %w", translateError(err))
	}
	return nil
}

// closeWithin closes a connection within a second, even of a server that does not answer.
func closeWithin(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

// waitForNotification returns nil when the connection is silent and a ping shows that it is well.
func waitForNotification(ctx context.Context, conn *pgx.Conn) (*pgconn.Notification, error) {
	waiting, cancel := context.WithTimeout(ctx, listenPing)
	defer cancel()
	if received, err := conn.WaitForNotification(waiting); err == nil {
		return received, nil
	} else if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
		return nil, err
	}
	pinging, cancel := context.WithTimeout(ctx, listenPingTimeout)
	defer cancel()
	return nil, conn.Ping(pinging)
}
