package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"
)

// The listener asks a silent connection for an answer this often: a path that swallows packets would
// otherwise look like a database where nothing happens.
const (
	listenPing        = 15 * time.Second
	listenPingTimeout = 5 * time.Second
	listenMaxBackoff  = 10 * time.Second
)

// Listen calls wake after every connect, for what was missed before it, and on every notification. It
// keeps a connection of its own, opens it again with growing pauses, and returns nil when ctx ends; its only
// error is options that cannot be read at the start. A notification is a hint: the caller asks Feed, and polls besides.
func (s *Store) Listen(ctx context.Context, wake func()) error {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = 100*time.Millisecond, listenMaxBackoff
	if _, err := s.opts.listenConfig(); err != nil {
		return err
	}
	for {
		s.listenOnce(ctx, func() {
			pauses.Reset()
			wake()
		})
		pause := time.NewTimer(pauses.NextBackOff())
		select {
		case <-ctx.Done():
			pause.Stop()
			return nil
		case <-pause.C:
		}
	}
}

// listenOnce returns when the connection is of no use any more. Why does not matter to anyone: the next one is
// tried, and the caller's own queries say that the database is away.
func (s *Store) listenOnce(ctx context.Context, wake func()) {
	cfg, err := s.opts.listenConfig()
	if err != nil {
		return
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return
	}
	defer closeSoon(ctx, conn)
	if _, err := conn.Exec(ctx, "listen lectern"); err != nil {
		return
	}
	wake()
	for {
		switch waitForNotification(ctx, conn) {
		case heard:
			wake()
		case broken:
			return
		case quiet:
		}
	}
}

// closeSoon says goodbye, but not for long to a server that does not answer.
func closeSoon(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

type silence int

const (
	quiet silence = iota
	heard
	broken
)

func waitForNotification(ctx context.Context, conn *pgx.Conn) silence {
	waiting, cancel := context.WithTimeout(ctx, listenPing)
	defer cancel()
	_, err := conn.WaitForNotification(waiting)
	switch {
	case err == nil:
		return heard
	case ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded):
		return broken
	}
	pinging, cancel := context.WithTimeout(ctx, listenPingTimeout)
	defer cancel()
	if conn.Ping(pinging) != nil {
		return broken
	}
	return quiet
}
