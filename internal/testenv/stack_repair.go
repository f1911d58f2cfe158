package testenv

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"
)

// Repair brings a stack back to how it was started, after a test that failed half-way: servers that are
// down or silent, CRDs, the servers' login, and all of Lectern's processes, whatever they were last
// started with. What is in the database and the cluster stays.
func (s *Stack) Repair(ctx context.Context) error {
	for _, m := range s.processes {
		m.stop(syscall.SIGTERM)
	}
	broken := errors.Join(s.ControlPlane.repair(ctx), s.Postgres.repair(ctx),
		s.Postgres.Exec(ctx, "alter role "+s.database.serverRole+" login"))
	names := sortedKeys(s.processes)
	for _, name := range names {
		broken = errors.Join(broken, s.Launch(name))
	}
	for _, name := range names {
		broken = errors.Join(broken, s.WaitUntilReady(ctx, name))
	}
	return broken
}

func (c *ControlPlane) repair(ctx context.Context) error {
	if !c.etcdServer.isAlive() || !c.apiServer.isAlive() {
		c.StopServers()
		if err := c.StartServers(ctx); err != nil {
			return err
		}
	}
	return c.InstallCRDs(ctx, "")
}

func (p *Postgres) repair(ctx context.Context) error {
	soon, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if p.Exec(soon, "select 1") == nil {
		return nil
	}
	return errors.Join(p.StopServer(ctx), p.StartServer(ctx))
}

// LogTails returns the ends of the logs of everything in the stack.
func (s *Stack) LogTails(ctx context.Context) string {
	var said strings.Builder
	say := func(name, words string) { fmt.Fprintf(&said, "the end of the log of %s:\n%s\n", name, words) }
	say("etcd", readLogTail(s.ControlPlane.etcd.log))
	say("kube-apiserver", readLogTail(s.ControlPlane.api.log))
	if s.Postgres.server != nil {
		say("postgres", s.Postgres.server.logTail(ctx))
	}
	for _, name := range sortedKeys(s.processes) {
		say(name, readLogTail(s.LogPath(name)))
	}
	return said.String()
}
