// Command bench measures what docs/performance.md claims, and prints its tables.
//
// Every figure is a ratio against a named baseline that was measured in the same run, in turns:
// A B A B. A figure from another run, or without a baseline, says more about the machine's other
// work than about Lectern.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/lectern-dev/lectern/internal/testenv"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := runCommand(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// runCommand runs bench itself, or one of the programs it starts of its own binary.
func runCommand(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "serve":
			return runBaseline(ctx, args[1:])
		case "handle-message":
			return runHandleMessage(args[1:])
		}
	}
	return runMeasurements(ctx, args)
}

// bench is one run.
type bench struct {
	stack  *testenv.Stack
	self   string
	rounds int
	// old is the binary of another release, or empty.
	old string
	// filled are the URLs of databases by how many prompts they have.
	filled map[int]string
	// idle is how long processes are left alone whose memory is looked at then.
	idle time.Duration
	// shown says that the prompt that is asked for everywhere is there.
	shown bool
	out   io.Writer
	say   func(format string, args ...any)
}

// measurements in the order they run.
var measurements = []struct {
	name    string
	measure func(*bench, context.Context) error
}{
	{"gets", (*bench).measureGets},
	{"audit", (*bench).measureAudit},
	{"callers", (*bench).measureCallers},
	{"lists", (*bench).measureLists},
	{"applies", (*bench).measureApplies},
	{"calls", (*bench).measureCalls},
	{"tools", (*bench).measureTools},
	{"searches", (*bench).measureSearches},
	{"visible", (*bench).measureVisible},
	{"writes", (*bench).measureWrites},
	{"objects", (*bench).measureObjects},
	{"takeovers", (*bench).measureTakeovers},
	{"turns", (*bench).measureTurns},
	{"ingest", (*bench).measureIngest},
	{"memory", (*bench).measureMemory},
	{releases, (*bench).measureReleases},
	{footprint, (*bench).measureFootprint},
}

const (
	// releases is the one measurement that needs a second binary.
	releases = "releases"
	// footprint takes longer than all others together, and fails where its bound does not hold.
	footprint = "footprint"
)

// measurementNames returns the names of all measurements that need nothing but this tree and half an hour.
func measurementNames() string {
	var all []string
	for _, m := range measurements {
		if m.name != releases && m.name != footprint {
			all = append(all, m.name)
		}
	}
	return strings.Join(all, ",")
}

func isSet(flags *flag.FlagSet, name string) (set bool) {
	flags.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}

func runMeasurements(ctx context.Context, args []string) (failed error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	rounds := flags.Int("rounds", 5, "how often everything is measured; the tables have medians")
	only := flags.String("only", measurementNames(), "what is measured, separated by commas")
	idle := flags.Duration("idle", 10*time.Minute, "how long footprint leaves the processes alone before it looks at their memory again")
	old := flags.String("old", "", "path of a lectern of another release, for tools and releases; alone it measures only releases: what its server uses beside this tree's")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *old != "" {
		if !isSet(flags, "only") {
			*only = releases
		}
		if err := exec.Command(*old, "--help").Run(); err != nil {
			return fmt.Errorf("-old=%s: %w; give the path from the root", *old, err)
		}
	}
	if *rounds < 1 {
		return errors.New("-rounds must be at least 1")
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	began := time.Now()
	say := func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "%6.1fs  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
	}
	stack, err := testenv.StartStack(ctx, testenv.StackOptions{Durable: true, Say: say})
	if err != nil {
		return err
	}
	defer func() { failed = errors.Join(failed, stack.Stop()) }()
	b := &bench{stack: stack, self: self, rounds: *rounds, idle: *idle, old: *old, filled: map[int]string{}, out: os.Stdout, say: say}
	fmt.Fprintf(b.out, "%s: %d cores, %s, Postgres %d, %d rounds.\n", time.Now().UTC().Format(time.DateOnly),
		runtime.NumCPU(), runtime.Version(), stack.Postgres.Major, b.rounds)
	wanted := strings.Split(*only, ",")
	for _, m := range measurements {
		if !slices.Contains(wanted, m.name) {
			continue
		}
		if err := m.measure(b, ctx); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}
