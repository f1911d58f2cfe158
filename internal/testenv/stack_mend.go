package testenv

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"
)

// Mend brings a stack back to how it was started, after a test that failed half-way: servers that are
// down or silent, CRDs, the servers' login, and all of Lectern's processes, whatever they were last
// started with. What is in the database and the cluster stays.
func (s *Stack) Mend(ctx context.Context) error {
	for _, m := range s.members {
		m.end(syscall.SIGTERM)
	}
	broken := errors.Join(s.ControlPlane.mend(ctx), s.Postgres.mend(ctx),
		s.Postgres.Exec(ctx, "alter role "+s.database.serverRole+" login"))
	names := sortedKeys(s.members)
	for _, name := range names {
		broken = errors.Join(broken, s.Launch(name))
	}
	for _, name := range names {
		broken = errors.Join(broken, s.AwaitReady(ctx, name))
	}
	return broken
}

func (c *ControlPlane) mend(ctx context.Context) error {
	if !c.etcdServer.alive() || !c.apiServer.alive() {
		c.StopServers()
		if err := c.StartServers(ctx); err != nil {
			return err
		}
	}
	return c.InstallCRDs(ctx, "")
}

func (p *Postgres) mend(ctx context.Context) error {
	soon, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if p.Exec(soon, "select 1") == nil {
		return nil
	}
	return errors.Join(p.StopServer(ctx), p.StartServer(ctx))
}

// LastWords are the ends of the logs of everything in the stack.
func (s *Stack) LastWords(ctx context.Context) string {
	var said strings.Builder
	say := func(name, words string) { fmt.Fprintf(&said, "the end of the log of %s:\n%s\n", name, words) }
	say("etcd", tail(s.ControlPlane.etcd.log))
	say("kube-apiserver", tail(s.ControlPlane.api.log))
	if s.Postgres.server != nil {
		say("postgres", s.Postgres.server.lastWords(ctx))
	}
	for _, name := range sortedKeys(s.members) {
		say(name, tail(s.Log(name)))
	}
	return said.String()
}
