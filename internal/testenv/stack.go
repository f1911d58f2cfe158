package testenv

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sync/errgroup"
)

// StackOptions say how a stack is wanted. The zero value is what tests need.
type StackOptions struct {
	// Tags are build tags for the lectern binary.
	Tags string
	// Durable keeps Postgres's fsync on.
	Durable bool
	// Authenticate has callers prove who they are, by tokens for Audience; else anybody is let in.
	Authenticate bool
	// ControllerArgs and ServerArgs come after the stack's own, and so win.
	ControllerArgs []string
	ServerArgs     []string
	// Env is added to the environment of every Lectern process, as "NAME=value".
	Env []string
	// Connections are those to ServiceDesk Plus that are served.
	Connections ConnectionOptions
	// EndpointPorts are wanted for the servers; one that is taken, or zero, becomes any free one.
	EndpointPorts [2]int
	// Say tells what is being started; nil says nothing.
	Say func(format string, args ...any)
}

// The processes of a stack.
const (
	Controller = "controller"
	Server1    = "server-1"
	Server2    = "server-2"
)

// SystemNamespace is where a stack's controller keeps its Lease.
const SystemNamespace = "lectern-system"

// Stack is all of Lectern on one machine: etcd, kube-apiserver, Postgres, one controller and two
// servers.
type Stack struct {
	ControlPlane *ControlPlane
	Postgres     *Postgres
	// Binary is the lectern that runs.
	Binary string
	// Dir holds the logs, one file a process.
	Dir string
	// ServerKubeconfig is for the servers' own account, ServerAccount; empty where callers are not authenticated.
	ServerKubeconfig string
	// IntakeKeyFile and IntakePublicKeyFile are the controller's and the servers'; empty where callers are not authenticated.
	IntakeKeyFile, IntakePublicKeyFile string
	// OwnerURL and ServerURL reach Lectern's database in its two roles.
	OwnerURL, ServerURL string
	// Endpoints are the MCP URLs of the two servers.
	Endpoints [2]string

	options   StackOptions
	reaper    *reaper
	database  database
	sealKeys  *MountedSecret
	processes map[string]*stackProcess
}

// stackProcess is a process of the stack, running or not.
type stackProcess struct {
	program        program
	ready          string // the URL that answers 200 when it is ready
	metrics        string // the URL of its metrics
	env            []string
	running        *runningProgram
	ignoredSignals error // signals that were not heeded
}

func (m *stackProcess) stop(polite syscall.Signal) {
	m.ignoredSignals = errors.Join(m.ignoredSignals, m.running.stop(polite))
}

// StartStack starts everything and waits until the controller and both servers are ready.
func StartStack(ctx context.Context, o StackOptions) (*Stack, error) {
	if o.Say == nil {
		o.Say = func(string, ...any) {}
	}
	reaper, err := startReaper()
	if err != nil {
		return nil, err
	}
	s := &Stack{options: o, reaper: reaper, processes: map[string]*stackProcess{}}
	if err := s.launch(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Stack) launch(ctx context.Context) error {
	var err error
	if s.Dir, err = s.reaper.makeFolder("stack"); err != nil {
		return err
	}
	if err := s.launchServices(ctx); err != nil {
		return err
	}
	if err := s.createDatabase(ctx); err != nil {
		return err
	}
	if err := s.migrateDatabase(ctx); err != nil {
		return err
	}
	if err := s.grantRights(ctx); err != nil {
		return err
	}
	if err := s.createServerAccount(ctx); err != nil {
		return err
	}
	if err := s.createIntakeKeys(ctx); err != nil {
		return err
	}
	if err := s.planProcesses(); err != nil {
		return err
	}
	return s.launchPrograms(ctx)
}

// stackPrograms returns the names of the processes that every stack has, in the order in which they start.
func stackPrograms() []string { return []string{Controller, Server1, Server2} }

// launchPrograms starts the controller and the servers, and waits until they are ready.
func (s *Stack) launchPrograms(ctx context.Context) error {
	for _, name := range stackPrograms() {
		s.options.Say("Starting %s.", name)
		if err := s.Launch(name); err != nil {
			return err
		}
		if name != Controller {
			continue
		}
		if err := s.mountSealKeys(ctx); err != nil {
			return err
		}
	}
	for _, name := range stackPrograms() {
		if err := s.WaitUntilReady(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// launchServices starts what Lectern stands on, and builds Lectern meanwhile.
func (s *Stack) launchServices(ctx context.Context) error {
	s.options.Say("Starting etcd, kube-apiserver and Postgres, and building lectern.")
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		s.ControlPlane, err = StartControlPlane(ctx, ControlPlaneOptions{})
		return err
	})
	group.Go(func() (err error) {
		s.Postgres, err = StartPostgres(ctx, PostgresOptions{Durable: s.options.Durable})
		return err
	})
	group.Go(func() (err error) {
		s.Binary, err = Build(ctx, s.options.Tags)
		return err
	})
	return group.Wait()
}

func (s *Stack) migrateDatabase(ctx context.Context) error {
	s.options.Say("Migrating the database (Postgres %d).", s.Postgres.Major)
	migrate := exec.CommandContext(ctx, s.Binary, "migrate",
		"--database-url-file="+s.secretFile("owner"), "--server-role="+s.database.serverRole)
	migrate.Env = s.processEnvironment(nil)
	if out, err := migrate.CombinedOutput(); err != nil {
		return fmt.Errorf("lectern migrate: %w\n%s", err, out)
	}
	return nil
}

// grantRights gives the controller the rights it says it needs, and no more.
func (s *Stack) grantRights(ctx context.Context) error {
	root, err := Root()
	if err != nil {
		return err
	}
	for _, args := range [][]string{
		{"create", "namespace", SystemNamespace},
		{"create", "--kustomize", filepath.Join(root, "config", "rbac")},
		{"create", "clusterrolebinding", ControllerUser, "--clusterrole=lectern-controller", "--user=" + ControllerUser},
		{"create", "rolebinding", ControllerUser, "--namespace=" + SystemNamespace, "--role=lectern-controller", "--user=" + ControllerUser},
	} {
		if _, err := s.ControlPlane.Kubectl(ctx, args...); err != nil {
			return fmt.Errorf("grant the controller its rights: %w", err)
		}
	}
	return nil
}

// planProcesses chooses the ports and says how every process is started.
func (s *Stack) planProcesses() error {
	var ports [6]int
	for i := range ports {
		var err error
		if ports[i], err = FreePort(); err != nil {
			return err
		}
	}
	probes, metrics := ports[0], ports[1]
	s.addProcess(Controller, probes, metrics, slices.Concat([]string{
		"controller", "--kubeconfig=" + s.ControlPlane.ControllerKubeconfig, "--leader-election-namespace=" + SystemNamespace,
		"--database-url-file=" + s.secretFile("owner"), "--server-role=" + s.database.serverRole,
		"--metrics-address=" + loopbackAddress(metrics), "--probe-address=" + loopbackAddress(probes),
	}, s.controllerAccessArgs(), s.options.ControllerArgs))
	for i, name := range []string{Server1, Server2} {
		endpoint, probes := ports[2+i], ports[4+i]
		if wanted := s.options.EndpointPorts[i]; wanted != 0 {
			var err error
			if endpoint, err = PortOrFree(wanted); err != nil {
				return err
			}
		}
		s.addProcess(name, probes, probes, slices.Concat([]string{
			"server", "--address=" + loopbackAddress(endpoint), "--metrics-address=" + loopbackAddress(probes),
			"--database-url-file=" + s.secretFile("server"),
		}, s.serverAccessArgs(), s.options.ServerArgs))
		s.Endpoints[i] = loopbackURL("http", endpoint) + "/mcp"
	}
	return nil
}

func loopbackAddress(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

func (s *Stack) addProcess(name string, probes, metrics int, args []string) {
	s.processes[name] = &stackProcess{
		program: program{name: name, path: s.Binary, args: args, log: s.LogPath(name)},
		ready:   loopbackURL("http", probes) + "/readyz", metrics: loopbackURL("http", metrics) + "/metrics",
	}
}

// LogPath returns the file with the output of a process.
func (s *Stack) LogPath(name string) string { return filepath.Join(s.Dir, name+".log") }

// ReadyURL returns the URL that answers 200 while the process is ready.
func (s *Stack) ReadyURL(name string) string { return s.processes[name].ready }

// MetricsURL returns the URL of the process's metrics.
func (s *Stack) MetricsURL(name string) string { return s.processes[name].metrics }

// Pid returns the process's id.
func (s *Stack) Pid(name string) int { return s.processes[name].running.cmd.Process.Pid }

// ControllerPod is the name of the pod that a stack's controller takes itself to run in: started again, it takes its own
// Lease at once.
const ControllerPod = "lectern-controller-0"

// LongLease is the environment of a controller that is not to lose its Lease: tests keep a machine so busy that an API server
// may be silent for longer than a cluster's is.
func LongLease() []string {
	return []string{"LECTERN_LEADER_ELECTION_LEASE_DURATION=30s", "LECTERN_LEADER_ELECTION_RENEW_DEADLINE=20s"}
}

// Launch starts a process that is not running, with env added, and does not wait for it.
func (s *Stack) Launch(name string, env ...string) error {
	m := s.processes[name]
	p := m.program
	p.args = slices.Concat(p.args, s.ConnectionArgs(name))
	if name == Controller {
		env = slices.Concat([]string{"POD_NAME=" + ControllerPod}, LongLease(), env)
	}
	p.env = s.processEnvironment(slices.Concat(m.env, env))
	started, err := s.reaper.startProgram(p)
	if err != nil {
		return err
	}
	m.running = started
	return nil
}

// WaitUntilReady waits until the process says it is ready.
func (s *Stack) WaitUntilReady(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	m := s.processes[name]
	return m.running.waitUntilReady(ctx, func(ctx context.Context) error { return probeURL(ctx, client, m.ready) })
}

// Kill ends a process without warning, as kill -9 does.
func (s *Stack) Kill(name string) { s.processes[name].stop(syscall.SIGKILL) }

// Terminate asks a process to end, and waits.
func (s *Stack) Terminate(name string) { s.processes[name].stop(syscall.SIGTERM) }

// Ended returns a channel that is closed when the process has ended, by itself or not.
func (s *Stack) Ended(name string) <-chan struct{} { return s.processes[name].running.done }

// Restart ends a process if it runs, starts it with env added, and waits until it is ready.
func (s *Stack) Restart(ctx context.Context, name string, env ...string) error {
	s.Terminate(name)
	if err := s.Launch(name, env...); err != nil {
		return err
	}
	return s.WaitUntilReady(ctx, name)
}

// Stop ends everything and removes it. The error is that a process did not heed its end, or a crash that
// was found in a log.
func (s *Stack) Stop() error {
	for _, m := range s.processes {
		m.stop(syscall.SIGTERM)
	}
	err := s.findCrashes()
	if s.Postgres != nil {
		err = errors.Join(err, s.dropDatabase(context.Background()))
		s.Postgres.Stop()
	}
	if s.ControlPlane != nil {
		s.ControlPlane.Stop()
	}
	s.reaper.runCleanups()
	return err
}
