package server

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/catalog"
	"github.com/lectern-dev/lectern/server/prompts"
)

const (
	// DefaultAddress is where MCP clients connect.
	DefaultAddress = "127.0.0.1:8080"
	// DefaultMetricsAddress is where metrics and probes are.
	DefaultMetricsAddress = "127.0.0.1:9090"
)

// authNone is the only way of authentication there is yet.
const authNone = "none"

// Options of `lectern server`.
type Options struct {
	Addresses      []string
	MetricsAddress string
	Auth           string
	CatalogBytes   int64
	// DefaultNamespace and ResultLimit are those of prompts.Config.
	DefaultNamespace string
	ResultLimit      int
	// Prompts is a folder of manifests that is served instead of a database; empty for none.
	Prompts string
	// Stdio serves the client on stdin and stdout.
	Stdio    bool
	Database postgres.Options
}

// AddFlags registers the flags of `lectern server`.
func (o *Options) AddFlags(fs *pflag.FlagSet) {
	fs.StringSliceVar(&o.Addresses, "address", []string{DefaultAddress}, "address for MCP clients, host:port; may be repeated")
	fs.StringVar(&o.MetricsAddress, "metrics-address", DefaultMetricsAddress, "address of /metrics, /livez and /readyz, host:port; with --prompts or --stdio only when it is set")
	fs.StringVar(&o.Auth, "auth", authNone, "how callers are authenticated; none: not at all, on loopback addresses only")
	fs.Int64Var(&o.CatalogBytes, "catalog-bytes", catalog.DefaultBytes, "maximum memory of the catalog, in bytes")
	fs.StringVar(&o.DefaultNamespace, "default-namespace", "", "namespace in which add_prompt creates prompts and names without a namespace are resolved, for callers without a namespace of their own")
	fs.IntVar(&o.ResultLimit, "result-limit", prompts.DefaultResultLimit, "maximum number of tokens of a list of prompts, 0 for no limit")
	fs.StringVar(&o.Prompts, "prompts", "", "folder of Prompt manifests to serve and to edit, instead of a database")
	fs.BoolVar(&o.Stdio, "stdio", false, "serve the client that started this program, on stdin and stdout; listen on addresses only when they are set")
	o.Database.AddFlags(fs)
}

// Complete sets what follows from which flags were set, on the command line or from the environment.
func (o *Options) Complete(fs *pflag.FlagSet) error {
	if o.Stdio && !fs.Changed("address") {
		o.Addresses = nil
	}
	if (o.Stdio || o.Prompts != "") && !fs.Changed("metrics-address") {
		o.MetricsAddress = ""
	}
	if o.Prompts == "" {
		return nil
	}
	var failed error
	fs.Visit(func(f *pflag.Flag) {
		if strings.HasPrefix(f.Name, "database-") && failed == nil {
			failed = fmt.Errorf("--prompts serves a folder and needs no database: leave out --prompts, or --%s (as an environment variable it is %s)",
				f.Name, "LECTERN_"+strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_")))
		}
	})
	if o.DefaultNamespace == "" {
		o.DefaultNamespace = promptobject.DefaultNamespace
	}
	return failed
}

// homeNamespace returns the namespace whose prompts need none in their names, for a person who works alone: with a
// folder, and where a client started this program.
func (o *Options) homeNamespace() string {
	if o.Prompts != "" || o.Stdio {
		return o.DefaultNamespace
	}
	return ""
}

// listenAddresses returns every address something listens on.
func (o *Options) listenAddresses() []string {
	if o.MetricsAddress == "" {
		return o.Addresses
	}
	return slices.Concat(o.Addresses, []string{o.MetricsAddress})
}

// Validate returns what is wrong with the options, in the words of the flags.
func (o *Options) Validate() error {
	if o.Auth != authNone {
		return fmt.Errorf("--auth is %q; the only one there is yet is %q", o.Auth, authNone)
	}
	if len(o.Addresses) == 0 && !o.Stdio {
		return errors.New("--address is empty; give at least one host:port")
	}
	// Whoever starts this program has its rights; whoever reaches an address may be anybody.
	if listeners := o.listenAddresses(); len(listeners) > 0 {
		if err := auth.ValidateNone(listeners, os.Getenv); err != nil {
			return err
		}
	}
	if o.CatalogBytes < 1<<20 {
		return fmt.Errorf("--catalog-bytes is %d; at least 1 MiB (%d) is needed", o.CatalogBytes, 1<<20)
	}
	if o.ResultLimit < 0 {
		return fmt.Errorf("--result-limit is %d; give a number of tokens, or 0 for any number", o.ResultLimit)
	}
	if err := prompts.ValidateNamespace(o.DefaultNamespace); err != nil {
		return fmt.Errorf("--default-namespace: %w", err)
	}
	if o.Prompts != "" {
		return nil
	}
	err := o.Database.Validate()
	if errors.Is(err, postgres.ErrNoDatabaseGiven) {
		return fmt.Errorf("%w; or serve a folder of manifests with --prompts DIR", err)
	}
	return err
}
