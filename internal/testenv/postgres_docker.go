package testenv

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// dockerImage is the official image of one major version.
type dockerImage struct{ major int }

// dockerContainer is a server in docker.
type dockerContainer struct {
	name string
}

// isDockerRunning says whether a docker daemon is there, and does not wait long for one that is silent.
func isDockerRunning(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return exec.CommandContext(ctx, "docker", "version", "--format", "{{.Server.Version}}").Run() == nil
}

func (i dockerImage) String() string { return fmt.Sprintf("Postgres %d in docker", i.major) }

func (i dockerImage) name() string { return fmt.Sprintf("postgres:%d", i.major) }

func (i dockerImage) fetchServer(ctx context.Context) error {
	if !isDockerRunning(ctx) {
		return errAbsent
	}
	if runDocker(ctx, "image", "inspect", i.name()) == nil {
		return nil
	}
	printProgress("Pulling docker's image %s (once).", i.name())
	defer printProgressEvery(10*time.Second, "pulling "+i.name())()
	return runDocker(ctx, "pull", "--quiet", i.name())
}

func (i dockerImage) createServer(ctx context.Context, r *reaper, at serverPlacement) (postgresServer, error) {
	name := "lectern-postgres-" + randomSecret()[:12]
	if _, err := r.addCleanup("docker rm --force --volumes " + name + " >/dev/null 2>&1"); err != nil {
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
	if err := runDocker(ctx, args...); err != nil {
		return nil, err
	}
	return &dockerContainer{name: name}, nil
}

func (c *dockerContainer) start(ctx context.Context) error { return runDocker(ctx, "start", c.name) }

func (c *dockerContainer) stop(ctx context.Context, crash bool) error {
	if crash {
		return runDocker(ctx, "kill", "--signal", "QUIT", c.name)
	}
	return runDocker(ctx, "stop", "--signal", "SIGINT", c.name)
}

// startFailure returns nil: docker's own start would have said it, and a container that dies later shows as
// connections refused.
func (c *dockerContainer) startFailure() error { return nil }

func (c *dockerContainer) logTail(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "docker", "logs", "--tail", strconv.Itoa(tailLines), c.name).CombinedOutput()
	if err != nil {
		return err.Error()
	}
	return string(out)
}

func runDocker(ctx context.Context, args ...string) error {
	if out, err := exec.CommandContext(ctx, "docker", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("docker %s: %w\n%s", args[0], err, strings.TrimSpace(string(out)))
	}
	return nil
}
