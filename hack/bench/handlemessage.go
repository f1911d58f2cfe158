package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
)

// runHandleMessage prints, as a sub-command, what a call of mcp-go's HandleMessage costs with its
// answer encoded, in processor seconds, with no HTTP around it.
func runHandleMessage(args []string) error {
	flags := flag.NewFlagSet("handle-message", flag.ContinueOnError)
	era := flags.String("era", modernEra, "modern or legacy")
	d := flags.Duration("for", time.Second, "how long to measure")
	if err := flags.Parse(args); err != nil {
		return err
	}
	srv, err := newRegistry()
	if err != nil {
		return err
	}
	body := json.RawMessage(rpcMessage(*era, promptsGet, shownParams))
	if _, _, err := repeatCalls(srv, body, *d/4); err != nil { // warm
		return err
	}
	count, used, err := repeatCalls(srv, body, *d)
	if err != nil {
		return err
	}
	fmt.Println(used / float64(count))
	return nil
}

// repeatCalls repeats a message and returns how often, and the processor seconds of this process.
func repeatCalls(srv *mcpserver.MCPServer, message json.RawMessage, d time.Duration) (count int, used float64, err error) {
	before, err := ownProcessorTime()
	if err != nil {
		return 0, 0, err
	}
	for until := time.Now().Add(d); time.Now().Before(until); count++ {
		response := srv.HandleMessage(context.Background(), message)
		if _, ok := response.(mcp.JSONRPCResponse); !ok {
			return 0, 0, fmt.Errorf("HandleMessage answered %v", response)
		}
		if err := json.NewEncoder(io.Discard).Encode(response); err != nil {
			return 0, 0, err
		}
	}
	after, err := ownProcessorTime()
	return count, after - before, err
}

// ownProcessorTime returns the processor time of this process, finer than /proc has it.
func ownProcessorTime() (float64, error) {
	var usage syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds(), err
}
