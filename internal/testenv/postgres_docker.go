package testenv

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// image is the official image of one major version.
type image struct{ major int }

// container is a server in docker.
type container struct {
	name string
}

// dockerAnswers says whether a docker daemon is there, and does not wait for one that is not.
func dockerAnswers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return exec.CommandContext(ctx, "docker", "version", "--format", "{{.Server.Version}}").Run() == nil
}

func (i image) String() string { return fmt.Sprintf("Postgres %d in docker", i.major) }

func (i image) name() string { return fmt.Sprintf("postgres:%d", i.major) }

func (i image) fetch(ctx context.Context) error {
	if !dockerAnswers(ctx) {
		return errAbsent
	}
	if docker(ctx, "image", "inspect", i.name()) == nil {
		return nil
	}
	progress("Pulling docker's image %s (once).", i.name())
	defer progressEvery(10*time.Second, "pulling "+i.name())()
	return docker(ctx, "pull", "--quiet", i.name())
}

func (i image) create(ctx context.Context, g *guard, at placement) (server, error) {
	name := "lectern-postgres-" + secret()[:12]
	if _, err := g.add("docker rm --force --volumes " + name + " >/dev/null 2>&1"); err != nil {
		return nil, err
	}
	args := []string{
		"create", "--name", name, "--env", "POSTGRES_PASSWORD=" + at.password,
		"--env", "POSTGRES_INITDB_ARGS=--locale=C --encoding=UTF8",
		"--publish", fmt.Sprintf("127.0.0.1:%d:5432", at.port),
		i.name(),
	}
	for _, setting := range sortedKeys(at.settings) {
		args = append(args, "-c", setting+"="+at.settings[setting])
	}
	if err := docker(ctx, args...); err != nil {
		return nil, err
	}
	return &container{name: name}, nil
}

func (c *container) start(ctx context.Context) error { return docker(ctx, "start", c.name) }

func (c *container) halt(ctx context.Context, crash bool) error {
	if crash {
		return docker(ctx, "kill", "--signal", "QUIT", c.name)
	}
	return docker(ctx, "stop", "--signal", "SIGINT", c.name)
}

// failure is nil: docker's own start would have said it, and a container that dies later shows as
// connections refused.
func (c *container) failure() error { return nil }

func (c *container) lastWords(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "docker", "logs", "--tail", strconv.Itoa(tailLines), c.name).CombinedOutput()
	if err != nil {
		return err.Error()
	}
	return string(out)
}

func docker(ctx context.Context, args ...string) error {
	if out, err := exec.CommandContext(ctx, "docker", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("docker %s: %w\n%s", args[0], err, strings.TrimSpace(string(out)))
	}
	return nil
}
