// Command demo runs all of Lectern on this machine beside a fake ServiceDesk Plus, applies config/samples and a connection to
// the fake, shows the answers that a real MCP client got, and does a technician's day by the prompts of
// config/samples/servicedesk. It stays up until Ctrl-C and leaves nothing behind; with -once it also edits a prompt, checks that a
// client sees the new text, and exits.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/lectern-dev/lectern/internal/testenv"
)

const (
	// namespace the samples are applied to.
	namespace = "support"
	// samplesFolder is below the repository's root.
	samplesFolder = "config/samples"
	// shown is the sample the demo asks for.
	shown = "incident-handover"
)

// endpointPorts are taken when they are free, so that a client's configuration survives a restart.
var endpointPorts = [2]int{8080, 8081}

func main() {
	once := flag.Bool("once", false, "check the answer, check an edit, and exit")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *once); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, once bool) (failed error) {
	began := time.Now()
	say := func(format string, args ...any) {
		fmt.Printf("%5.1fs  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
	}
	root, err := testenv.Root()
	if err != nil {
		return err
	}
	say("Starting a fake ServiceDesk Plus.")
	desk, err := startDesk(ctx)
	if err != nil {
		return err
	}
	stack, err := testenv.StartStack(ctx, testenv.StackOptions{
		Durable: true, EndpointPorts: endpointPorts, Say: say, ServerArgs: []string{"--allow-anonymous-writes"},
		Connections: testenv.ConnectionOptions{Namespaces: []string{namespace}, AllowedHosts: []string{desk.URL, desk.AccountsURL}},
	})
	if err != nil {
		return errors.Join(err, desk.Stop())
	}
	defer func() {
		failed = stopAndReport(func() error { return errors.Join(stack.Stop(), desk.Stop()) }, say, failed)
	}()
	if err := showDemo(ctx, stack, desk, root, say); err != nil {
		return err
	}
	if once {
		say("Editing the prompt, and asking both servers until they give the new text.")
		return checkEdit(ctx, stack, filepath.Join(root, samplesFolder), say)
	}
	fmt.Println("Ctrl-C ends everything and removes it.")
	<-ctx.Done()
	fmt.Println()
	return nil
}

// showDemo applies the samples and the connection, and has a client read both.
func showDemo(ctx context.Context, stack *testenv.Stack, desk *testenv.FakeSDP, root string, say func(string, ...any)) error {
	samples := filepath.Join(root, samplesFolder)
	say("Applying config/samples to namespace %s.", namespace)
	if err := applySamples(ctx, stack.ControlPlane, samples); err != nil {
		return err
	}
	say("All prompts are Ready. Asking for %s.%s over MCP.", namespace, shown)
	answer, err := getAnswer(ctx, stack.Endpoints[0])
	if err != nil {
		return err
	}
	if err := checkAnswer(answer, samples); err != nil {
		return err
	}
	say("Applying SDPConnection %s with a one-time grant code of the fake.", connection)
	state, err := applyConnection(ctx, stack, desk)
	if err != nil {
		return err
	}
	say("The connection is Ready. Asking for a queue, a ticket and its priority over MCP.")
	answers, err := waitForQueue(ctx, stack.Endpoints[1])
	if err != nil {
		return err
	}
	if err := checkQueue(answers); err != nil {
		return err
	}
	fmt.Printf("\nThe answer to prompts/get:\n\n%s\n", indent(answer))
	printQueue(state, answers)
	fmt.Println()
	say("Doing a day at the desk by the prompts of config/samples/%s.", deskFolder)
	if err := workDay(ctx, stack.Endpoints[1]); err != nil {
		return err
	}
	fmt.Println()
	say("The day is done: a ticket triaged, one closed, one escalated, and a problem made of tickets.")
	printUsage(stack, desk)
	return nil
}

// stopAndReport stops everything, and says that nothing is left only when that is so.
func stopAndReport(stop func() error, say func(string, ...any), failed error) error {
	say("Stopping everything.")
	if err := stop(); err != nil {
		return errors.Join(failed, err)
	}
	say("Nothing is left behind.")
	return failed
}

func applySamples(ctx context.Context, cluster *testenv.ControlPlane, samples string) error {
	for _, args := range [][]string{
		{"create", "namespace", namespace},
		{"apply", "--server-side", "--namespace", namespace, "--filename", samples, "--filename", filepath.Join(samples, deskFolder)},
		{"wait", "--for=condition=Ready", "--namespace", namespace, "--timeout=60s", "prompts", "--all"},
	} {
		if out, err := cluster.Kubectl(ctx, args...); err != nil {
			if state, failed := cluster.Kubectl(ctx, "get", "prompts", "--namespace", namespace, "--output=wide"); failed == nil {
				return fmt.Errorf("%w\n%s", err, state)
			}
			return fmt.Errorf("%w\n%s", err, out)
		}
	}
	return nil
}

// printUsage prints what a newcomer needs to go on.
func printUsage(stack *testenv.Stack, desk *testenv.FakeSDP) {
	kubectl := "kubectl"
	if _, err := exec.LookPath(kubectl); err != nil {
		kubectl = filepath.Join(stack.ControlPlane.Assets, kubectl)
	}
	sample := "config/samples/" + shown + ".yaml"
	fmt.Printf(`
Endpoints, for all namespaces (namespace.name) and for one (plain names):
  %s
  %s/%s
  %s   the second server

Change a prompt: edit %s, then
  export KUBECONFIG=%s
  %s apply --server-side --namespace %s --filename %s
  %s get prompts,sdpconnections --namespace %s

The connection is %s. What its ServiceDesk Plus was asked for, as JSON:
  curl %s/calls

Connect a client, for example
  claude mcp add --transport http lectern %s
  npx @modelcontextprotocol/inspector      (transport: Streamable HTTP, the same URL)

Logs: %s

`, stack.Endpoints[0], stack.Endpoints[0], namespace, stack.Endpoints[1],
		sample, stack.ControlPlane.Kubeconfig, kubectl, namespace, sample, kubectl, namespace,
		manifestPath(stack), desk.ControlURL, stack.Endpoints[0], stack.Dir)
}

func indent(text string) string {
	return "  | " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  | ")
}
