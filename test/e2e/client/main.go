// Client is what the scenarios run in pods: an agent that asks one thing through `lectern connect`, and many agents that call
// Lectern over HTTP all the time and count what fails.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

const usage = `usage: client ask URL TOKEN_FILE MESSAGE...
       client load URL TOKEN_FOLDER CALLS_PER_SECOND`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) > 3 && args[0] == "ask":
		return sendMessages(ctx, args[1], args[2], args[3:])
	case len(args) == 4 && args[0] == "load":
		return runLoad(ctx, args[1], args[2], args[3])
	}
	return errors.New(usage)
}

// sendMessages hands messages to `lectern connect`, one after the other, and prints the answer to each.
func sendMessages(ctx context.Context, url, tokenFile string, messages []string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	connect := exec.CommandContext(ctx, "/usr/bin/lectern", "connect", url, "--token-file", tokenFile)
	connect.Stderr = os.Stderr
	in, err := connect.StdinPipe()
	if err != nil {
		return err
	}
	out, err := connect.StdoutPipe()
	if err != nil {
		return err
	}
	if err := connect.Start(); err != nil {
		return err
	}
	answers := bufio.NewScanner(out)
	answers.Buffer(nil, 1<<22)
	for _, message := range messages {
		if _, err := fmt.Fprintln(in, message); err != nil {
			return err
		}
		if !answers.Scan() {
			return errors.Join(fmt.Errorf("no answer to %s", message), answers.Err(), in.Close(), connect.Wait())
		}
		if _, err := fmt.Fprintln(os.Stdout, answers.Text()); err != nil {
			return err
		}
	}
	return errors.Join(in.Close(), connect.Wait())
}
