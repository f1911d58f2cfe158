package server

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/namespaces"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/egress"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/catalog"
	"github.com/lectern-dev/lectern/server/prompts"
	"github.com/lectern-dev/lectern/server/transport"
)

const (
	// DefaultAddress is where MCP clients connect.
	DefaultAddress = "127.0.0.1:8080"
	// DefaultMetricsAddress is where metrics and probes are.
	DefaultMetricsAddress = "127.0.0.1:9090"
)

// The change requests one caller may have open: one of those who are told apart, and all together who are not.
const (
	callerQuota    = 50
	anonymousQuota = 1000
)

// Options of `lectern server`.
type Options struct {
	Addresses      []string
	MetricsAddress string
	Auth           auth.Options
	TLS            tlsOptions
	CatalogBytes   int64
	// DefaultNamespace and ResultLimit are those of prompts.Config.
	DefaultNamespace string
	ResultLimit      int
	// Watched is that of prompts.Config: what the controller was told.
	Watched namespaces.Watched
	// Egress says where the credentials of connections may go.
	Egress egress.Flags
	// SealKeyFile has the keys that the controller seals tokens of ServiceDesk Plus with; empty offers prompts alone.
	SealKeyFile string
	// IntakePublicKeyFile has the keys that callers' tokens are sealed to for the controller; empty takes no changes of
	// callers who are authenticated.
	IntakePublicKeyFile string
	// Prompts is a folder of manifests that is served instead of a database; empty for none.
	Prompts string
	// SDPCredentials says where the credentials of connections in that folder are, each NAMESPACE/NAME=REF.
	SDPCredentials []string
	// Stdio serves the client on stdin and stdout.
	Stdio bool
	// StdioNarrowing is which tools that client gets; over HTTP clients say so in the URL.
	StdioNarrowing transport.Narrowing
	// DrainDelay is how long callers are served after the server was asked to stop, unready and before its streams end.
	DrainDelay time.Duration
	Database   postgres.Options
	// Audit says where the audit goes; isAuditRequired that somebody asked for it by hand.
	Audit           audit.Flags
	isAuditRequired bool
	// PromptMetrics has a metric for each version of a prompt that is used.
	PromptMetrics bool
	switches      switches
}

// AddFlags registers the flags of `lectern server`.
func (o *Options) AddFlags(fs *pflag.FlagSet) {
	fs.StringSliceVar(&o.Addresses, "address", []string{DefaultAddress}, "address for MCP clients, host:port; may be repeated")
	fs.StringVar(&o.MetricsAddress, "metrics-address", DefaultMetricsAddress, "address of /metrics, /livez and /readyz, host:port; with --prompts or --stdio only when it is set")
	o.Auth.AddFlags(fs)
	o.TLS.AddFlags(fs)
	fs.Int64Var(&o.CatalogBytes, "catalog-bytes", catalog.DefaultBytes, "maximum memory of the catalog, in bytes")
	fs.StringVar(&o.DefaultNamespace, "default-namespace", "", "namespace in which add_prompt creates prompts and names without a namespace are resolved, for callers without a namespace of their own")
	o.Watched.AddFlag(fs, "namespaces that this installation's controller watches, a list or repeated, as the controller's own flag has them; when empty all. "+
		"A change of a prompt elsewhere is refused at once; reading is not bounded")
	o.Egress.AddFlags(fs)
	fs.StringVar(&o.SealKeyFile, "seal-key-file", "", "file with the keys that the controller seals tokens of ServiceDesk Plus with; read again when it changes; "+
		"without it no tools on ServiceDesk Plus are offered; not with --prompts")
	fs.IntVar(&o.ResultLimit, "result-limit", prompts.DefaultResultLimit, "maximum number of tokens of a list of prompts, 0 for no limit")
	fs.StringVar(&o.Prompts, "prompts", "", "folder of Prompt and SDPConnection manifests to serve, and to edit prompts in, instead of a database")
	fs.StringArrayVar(&o.SDPCredentials, "sdp-credentials", nil, "credentials of an SDPConnection in the folder of --prompts, NAMESPACE/NAME=REF, may be repeated: REF is a file with a map "+
		"of keys in YAML or JSON, a folder with a file for each key, or env:NAME with such a map; the keys are those of the connection's Secret")
	fs.BoolVar(&o.Stdio, "stdio", false, "serve the client that started this program, on stdin and stdout; listen on addresses only when they are set")
	fs.StringSliceVar(&o.StdioNarrowing.Toolsets, "toolsets", nil, "with --stdio: groups of tools that the client gets, a list or repeated, of "+strings.Join(toolsetNames(), ", ")+"; "+
		"when empty all. Over HTTP a client says ?toolsets=a,b in the URL")
	fs.BoolVar(&o.StdioNarrowing.ReadOnly, "read-only", false, "with --stdio: offer the client no tools that write. Over HTTP a client says ?readonly in the URL")
	fs.DurationVar(&o.DrainDelay, "drain-delay", 0, "how long callers are still served after the signal to stop, while /readyz says that the server is not ready: longer than a cluster "+
		"takes to lead new connections elsewhere, 5s is plenty; 0 behind nothing that reads /readyz; not with --prompts or --stdio")
	fs.IntVar(&o.Database.ChangeQuota.OfSubject, "change-quota", anonymousQuota, "maximum number of change requests of one caller that wait to be applied, 0 for no limit; 50 by default where callers are authenticated; exceeded by no more than the servers' database connections")
	fs.IntVar(&o.Database.ChangeQuota.InNamespace, "change-quota-per-namespace", 200, "maximum number of change requests of one caller in one namespace that wait to be applied, 0 for no limit")
	fs.StringVar(&o.IntakePublicKeyFile, "intake-public-key-file", "", "file with the public keys that callers' tokens are sealed to for the controller (lectern keys new makes it); "+
		"read again when it changes; without it tools that write are offered with --auth=none only")
	o.Audit.AddFlags(fs)
	o.Audit.AddRequired(fs)
	o.addSwitches(fs)
	fs.BoolVar(&o.PromptMetrics, "prompt-metrics", false, "a metric for each version of each prompt that is fetched: as many time series as there are of those")
	o.Database.AddFlags(fs)
}

// Complete sets what follows from which flags were set, on the command line or from the environment.
func (o *Options) Complete(fs *pflag.FlagSet) error {
	if o.Stdio && !fs.Changed("address") {
		o.Addresses = nil
	}
	o.Auth.Complete()
	o.completeSwitches()
	o.isAuditRequired = o.Audit.IsWriteRequired() && fs.Changed("audit-required")
	if !o.Auth.IsNone() && !fs.Changed("change-quota") {
		o.Database.ChangeQuota.OfSubject = callerQuota
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

// drainDelay returns how long the server goes on after it was asked to stop: with a folder or a client of its own nobody comes
// by a Service, and whoever asks is waiting.
func (o *Options) drainDelay() time.Duration {
	if o.Prompts != "" || o.Stdio {
		return 0
	}
	return o.DrainDelay
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
	if len(o.Addresses) == 0 && !o.Stdio {
		return errors.New("--address is empty; give at least one host:port")
	}
	// Whoever starts this program has its rights; whoever reaches an address may be anybody.
	if err := o.Auth.Validate(o.listenAddresses(), os.Getenv); err != nil {
		return err
	}
	if err := o.TLS.Validate(); err != nil {
		return err
	}
	if err := o.validateNarrowing(); err != nil {
		return err
	}
	if o.CatalogBytes < 1<<20 {
		return fmt.Errorf("--catalog-bytes is %d; at least 1 MiB (%d) is needed", o.CatalogBytes, 1<<20)
	}
	if o.DrainDelay < 0 {
		return fmt.Errorf("--drain-delay is %s; give how long callers are served after the signal to stop, or 0 to stop at once", o.DrainDelay)
	}
	if o.ResultLimit < 0 {
		return fmt.Errorf("--result-limit is %d; give a number of tokens, or 0 for any number", o.ResultLimit)
	}
	if quota := o.Database.ChangeQuota; quota.OfSubject < 0 || quota.InNamespace < 0 {
		return errors.New("--change-quota and --change-quota-per-namespace cannot be negative; 0 is no limit")
	}
	if err := prompts.ValidateNamespace(o.DefaultNamespace); err != nil {
		return fmt.Errorf("--default-namespace: %w", err)
	}
	if err := o.Watched.Validate(); err != nil {
		return err
	}
	if o.DefaultNamespace != "" && !o.Watched.Contains(o.DefaultNamespace) {
		return fmt.Errorf("--default-namespace is %s, in which nothing could be added: --watch-namespaces names %s; name it there, or another default", o.DefaultNamespace, o.Watched)
	}
	if _, err := o.Egress.Options(sdp.DataCenterHosts()); err != nil {
		return err
	}
	if err := o.validateSwitches(); err != nil {
		return err
	}
	if o.Prompts != "" {
		if o.SealKeyFile != "" {
			return errors.New("--seal-key-file is for tokens in a database, and --prompts serves a folder: leave out one of them")
		}
		_, err := parseCredentials(o.SDPCredentials)
		return err
	}
	if len(o.SDPCredentials) > 0 {
		return errors.New("--sdp-credentials is for connections in a folder: give that with --prompts DIR; those of a database have their credentials in Secrets")
	}
	err := o.Database.Validate()
	if errors.Is(err, postgres.ErrNoDatabaseGiven) {
		return fmt.Errorf("%w; or serve a folder of manifests with --prompts DIR", err)
	}
	return err
}
