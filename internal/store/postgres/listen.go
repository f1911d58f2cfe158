package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// The listener asks a silent connection for an answer this often: a path that swallows packets would
// otherwise look like a database where nothing happens.
const (
	listenPing        = 15 * time.Second
	listenPingTimeout = 5 * time.Second
)

// Listen calls wake once it is connected, for what was missed before, and on every notification. It has a
// connection of its own, and returns nil when ctx ends or why the connection is of no use any more: the caller
// listens again. A notification is a hint: the caller asks Feed, and polls besides.
func (s *Store) Listen(ctx context.Context, wake func()) error {
	return s.listenOn(ctx, "lectern", wake)
}

// ListenChanges does the same for change requests: one was made, or became final.
func (s *Store) ListenChanges(ctx context.Context, wake func()) error {
	return s.listenOn(ctx, "lectern_changes", wake)
}

func (s *Store) listenOn(ctx context.Context, channel string, wake func()) error {
	if err := s.listenOnce(ctx, channel, wake); ctx.Err() == nil {
		return fmt.Errorf("listen for changes: %w", translateError(err))
	}
	return nil
}

func (s *Store) listenOnce(ctx context.Context, channel string, wake func()) error {
	conn, err := s.startListening(ctx, channel)
	if err != nil {
		return err
	}
	defer closeWithin(ctx, conn)
	wake()
	for {
		received, err := waitForNotification(ctx, conn)
		if err != nil {
			return err
		}
		if received {
			wake()
		}
	}
}

// startListening connects and listens. It takes no longer than a ping may: a server that takes connections and then says
// nothing is away.
func (s *Store) startListening(ctx context.Context, channel string) (*pgx.Conn, error) {
	cfg, err := s.opts.listenConfig()
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, listenPingTimeout)
	defer cancel()
	if _, err := conn.Exec(ctx, "listen "+channel); err != nil {
		closeWithin(ctx, conn)
		return nil, err
	}
	return conn, nil
}

// closeWithin closes a connection within a second, even of a server that does not answer.
func closeWithin(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

// waitForNotification returns false when the connection is silent and a ping shows that it is well.
func waitForNotification(ctx context.Context, conn *pgx.Conn) (received bool, err error) {
	waiting, cancel := context.WithTimeout(ctx, listenPing)
	defer cancel()
	if _, err := conn.WaitForNotification(waiting); err == nil {
		return true, nil
	} else if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
		return false, err
	}
	pinging, cancel := context.WithTimeout(ctx, listenPingTimeout)
	defer cancel()
	return false, conn.Ping(pinging)
}
