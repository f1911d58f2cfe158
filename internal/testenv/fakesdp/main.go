// Command fakesdp serves a fake ServiceDesk Plus: its API, its accounts server, and on a third address what a test does with a
// fake in its own process. It is for the demo and for tests in a cluster, a program of its own so that nothing of a fake is in
// Lectern.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata" // an image from scratch has no time zones

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
)

// settings are what the flags say.
type settings struct {
	options                        sdptest.Options
	api, accounts, control         string
	grantCode, refreshToken, names string
	bundlePath                     string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := parseArguments(os.Args[1:])
	if err == nil {
		err = serveUntilDone(ctx, s, func(started addresses) error { return json.NewEncoder(os.Stdout).Encode(started) })
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "fakesdp:", err)
		os.Exit(1)
	}
}

func parseArguments(args []string) (settings, error) {
	var s settings
	var edition, zone string
	flags := flag.NewFlagSet("fakesdp", flag.ContinueOnError)
	flags.StringVar(&edition, "edition", "Cloud", "Cloud or OnPremises")
	flags.StringVar(&s.options.Portal, "portal", "", "instance in /app/<portal>/api/v3; itdesk in the cloud when it is empty")
	flags.StringVar(&zone, "time-zone", "UTC", "time zone of the API user, which display values are in")
	flags.StringVar(&s.api, "address", "127.0.0.1:0", "address of the API")
	flags.StringVar(&s.accounts, "accounts-address", "127.0.0.1:0", "address of the accounts server")
	flags.StringVar(&s.control, "control-address", "127.0.0.1:0", "address where tests change what the fake does and read its journal, without authentication")
	flags.StringVar(&s.names, "tls-names", "", "comma-separated names and addresses of a certificate to serve TLS with; plain HTTP when it is empty")
	flags.StringVar(&s.bundlePath, "ca-bundle", "", "file to write that certificate to")
	flags.StringVar(&s.options.ClientID, "client-id", "", "id of the OAuth client")
	flags.StringVar(&s.options.ClientSecret, "client-secret", "", "secret of the OAuth client")
	flags.StringVar(&s.options.APIKey, "api-key", "", "key of the technician whom the API takes on premises")
	flags.StringVar(&s.grantCode, "grant-code", "", "grant code to be exchanged within three minutes; POST /grant-codes issues more")
	flags.StringVar(&s.refreshToken, "refresh-token", "", "refresh token that is valid")
	flags.BoolVar(&s.options.Empty, "empty", false, "no requests, projects and other records, only people and lists of names")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	switch edition {
	case "Cloud":
	case "OnPremises":
		s.options.Edition = sdptest.OnPremises
	default:
		return s, fmt.Errorf("edition %q is not one of Cloud, OnPremises", edition)
	}
	if s.names != "" {
		s.options.TLSNames = strings.Split(s.names, ",")
	}
	var err error
	s.options.Zone, err = time.LoadLocation(zone)
	return s, err
}

// addresses is the line that is printed when the fake listens.
type addresses struct {
	URL         string `json:"url"`
	AccountsURL string `json:"accountsURL"`
	ControlURL  string `json:"controlURL"`
}

// serveUntilDone runs the fake until the context ends. started is told when it listens.
func serveUntilDone(ctx context.Context, s settings, started func(addresses) error) error {
	fake := sdptest.New(s.options)
	id := fake.Options().ClientID
	if s.grantCode != "" {
		fake.AddGrantCode(id, s.grantCode)
	}
	if s.refreshToken != "" {
		fake.AddRefreshToken(id, s.refreshToken)
	}
	stop, err := fake.Listen(s.api, s.accounts)
	if err != nil {
		return err
	}
	defer stop()
	if s.bundlePath != "" {
		if err := os.WriteFile(s.bundlePath, fake.CABundle(), 0o600); err != nil {
			return err
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.control)
	if err != nil {
		return err
	}
	control := &http.Server{Handler: fake.ControlHandler(), ReadHeaderTimeout: time.Minute}
	context.AfterFunc(ctx, func() { _ = control.Close() })
	if err := started(addresses{fake.URL(), fake.AccountsURL(), "http://" + listener.Addr().String()}); err != nil {
		return err
	}
	if err := control.Serve(listener); ctx.Err() == nil {
		return err
	}
	return nil
}
