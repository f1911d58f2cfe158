package server

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/pflag"

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
	Database         postgres.Options
}

// AddFlags registers the flags of `lectern server`.
func (o *Options) AddFlags(fs *pflag.FlagSet) {
	fs.StringSliceVar(&o.Addresses, "address", []string{DefaultAddress}, "where MCP clients connect, host:port; may be given more than once")
	fs.StringVar(&o.MetricsAddress, "metrics-address", DefaultMetricsAddress, "where /metrics, /livez and /readyz are served, host:port")
	fs.StringVar(&o.Auth, "auth", authNone, "how callers prove who they are; none: they need not, on loopback addresses only")
	fs.Int64Var(&o.CatalogBytes, "catalog-bytes", catalog.DefaultBytes, "how much memory prompts may take, in bytes")
	fs.StringVar(&o.DefaultNamespace, "default-namespace", "", "where add_prompt creates prompts, and names without a namespace are looked for, when the caller has no namespace of its own")
	fs.IntVar(&o.ResultLimit, "result-limit", prompts.DefaultResultLimit, "how many tokens a list of prompts may take of a model's context, 0 for any number")
	o.Database.AddFlags(fs)
}

// Validate says what is wrong with the options, in the words of the flags.
func (o *Options) Validate() error {
	if o.Auth != authNone {
		return fmt.Errorf("--auth is %q; the only one there is yet is %q", o.Auth, authNone)
	}
	if len(o.Addresses) == 0 {
		return errors.New("--address is empty; give at least one host:port")
	}
	if err := auth.CheckNone(slices.Concat(o.Addresses, []string{o.MetricsAddress}), os.Getenv); err != nil {
		return err
	}
	if o.CatalogBytes < 1<<20 {
		return fmt.Errorf("--catalog-bytes is %d; at least 1 MiB (%d) is needed", o.CatalogBytes, 1<<20)
	}
	if o.ResultLimit < 0 {
		return fmt.Errorf("--result-limit is %d; give a number of tokens, or 0 for any number", o.ResultLimit)
	}
	if err := prompts.CheckNamespace(o.DefaultNamespace); err != nil {
		return fmt.Errorf("--default-namespace: %w", err)
	}
	return o.Database.Validate()
}
