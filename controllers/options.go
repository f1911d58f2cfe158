package controllers

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/lectern-dev/lectern/controllers/upkeep"
	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/namespaces"
	"github.com/lectern-dev/lectern/internal/store/postgres"
)

// The values of --migrate.
const (
	migrateApply  = "apply"
	migrateVerify = "verify"
)

// minVersionBytes leaves room for the texts of the newest version.
const minVersionBytes = 1 << 20

// The values of --changes.
const (
	changesProven   = "proven"
	changesUnproven = "unproven"
)

// clusterOptions says which API server to talk to, by which Lease this installation leads, and which namespaces it works on.
type clusterOptions struct {
	kubeconfig     string
	leaseNamespace string
	leaseName      string
	watched        namespaces.Watched
}

// addFlags registers the flags; watchUsage says what the namespaces bound.
func (c *clusterOptions) addFlags(fs *pflag.FlagSet, watchUsage string) {
	fs.StringVar(&c.kubeconfig, "kubeconfig", "", "kubeconfig file; when empty KUBECONFIG, then the pod's own account, then ~/.kube/config")
	fs.StringVar(&c.leaseNamespace, "leader-election-namespace", "", "namespace of the leader election Lease; when empty the pod's own")
	fs.StringVar(&c.leaseName, "leader-election-lease", defaultLeaseName, "name of the leader election Lease; with its namespace it names the installation in status.controller of every prompt")
	c.watched.AddFlag(fs, watchUsage)
}

// controllerName names the controller in status.controller.
func (c *clusterOptions) controllerName() string { return c.leaseNamespace + "/" + c.leaseName }

// maxControllerName is how many characters a field manager has at most, for the API server.
const maxControllerName = 128

// namespaceFile holds the namespace of the pod this runs in.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// complete fills in the namespace of the pod, and returns what is wrong with the options.
func (c *clusterOptions) complete() error {
	if len(validation.IsDNS1123Subdomain(c.leaseName)) > 0 {
		return fmt.Errorf("--leader-election-lease is %q; it is the name of a Lease: lower-case letters, digits, '-' and '.'", c.leaseName)
	}
	if err := c.watched.Validate(); err != nil {
		return err
	}
	if c.leaseNamespace != "" {
		return c.checkName()
	}
	own, err := os.ReadFile(namespaceFile)
	if err != nil {
		return errors.New("not running in a pod: set --leader-election-namespace")
	}
	c.leaseNamespace = strings.TrimSpace(string(own))
	return c.checkName()
}

// checkName returns an error where the installation's name is too long for the field manager of the finalizer.
func (c *clusterOptions) checkName() error {
	if n := len(c.controllerName()); n > maxControllerName {
		return fmt.Errorf("--leader-election-namespace and --leader-election-lease have %d characters together; at most %d are allowed", n-1, maxControllerName-1)
	}
	return nil
}

func (c *clusterOptions) restConfig() (*rest.Config, error) {
	var config *rest.Config
	var err error
	if c.kubeconfig != "" {
		config, err = clientcmd.BuildConfigFromFlags("", c.kubeconfig)
	} else {
		config, err = ctrl.GetConfig()
	}
	if err != nil {
		return nil, fmt.Errorf("find the Kubernetes API server: %w", err)
	}
	config.QPS = -1 // the API server's own priority and fairness is the limit
	return config, nil
}

// options are the flags of `lectern controller`.
type options struct {
	version string

	cluster     clusterOptions
	connections connectionOptions
	audit       audit.Flags
	database    postgres.Options
	secrets     secretOptions
	migrate     string
	serverRole  string

	leaderElection leaderElectionOptions
	metricsAddress string
	probeAddress   string

	changes            string
	allowInPod         bool
	proof              proofOptions
	concurrency        int
	maxVersions        int
	maxVersionBytes    int64
	resync             time.Duration
	releaseTimeout     time.Duration
	comparisonInterval time.Duration
	comparisonGrace    time.Duration
	sweepLimit         int
	auditRetention     time.Duration
}

// The audit of a connection is kept for as long at least and at most.
const (
	minAuditRetention = 24 * time.Hour
	maxAuditRetention = 3650 * 24 * time.Hour
)

func (o *options) addFlags(fs *pflag.FlagSet) {
	o.cluster.addFlags(fs, "namespaces whose prompts are reconciled, compared and changed, a list or repeated; when empty all. "+
		"What other namespaces have in the database stays as it is, and is served")
	o.connections.addFlags(fs)
	fs.StringVar(&o.audit.Store, "audit", audit.InPostgres, "postgres: keep a row of each call of ServiceDesk Plus that the controller makes; off: keep none")
	o.audit.AddFlags(fs)
	o.database.ApplicationName = postgres.ReplicaName(component)
	o.database.AddFlags(fs)
	o.secrets.addFlags(fs)
	fs.StringVar(&o.migrate, "migrate", migrateApply, "apply: bring the database schema up to date at start; verify: only check it")
	fs.StringVar(&o.serverRole, "server-role", "", "database role of the servers, granted what they need after each migration; empty grants nothing")
	o.leaderElection.addFlags(fs)
	fs.StringVar(&o.metricsAddress, "metrics-address", ":8080", "address of /metrics; 0 disables it")
	fs.StringVar(&o.probeAddress, "probe-address", ":8081", "address of /livez and /readyz")
	fs.StringVar(&o.changes, "changes", changesProven, "proven: take change requests only with a token that proves who asks, who may make the change; "+
		"unproven: trust the server, so that whoever has its database role can change prompts (demo, tests)")
	o.proof.addFlags(fs)
	fs.BoolVar(&o.allowInPod, "allow-in-pod", false, "let --changes=unproven run inside Kubernetes")
	fs.IntVar(&o.concurrency, "concurrency", 4, "maximum number of prompts reconciled at the same time; as many connections are, beside them, and as many prompts changed for agents")
	fs.IntVar(&o.maxVersions, "max-versions-per-prompt", 1000, "maximum number of versions kept of a prompt that sets no historyLimit")
	fs.Int64Var(&o.maxVersionBytes, "max-version-bytes-per-prompt", 64<<20, "maximum number of bytes of text kept in the versions of a prompt; the oldest that is in no channel goes first")
	fs.DurationVar(&o.resync, "resync", time.Hour, "resync interval: how often a prompt is reconciled though nothing changed")
	fs.DurationVar(&o.releaseTimeout, "release-timeout", 10*time.Minute, "how long a deleted prompt waits for a database that cannot be reached; then it is let go, and served until a comparison with the database back removes it")
	fs.DurationVar(&o.comparisonInterval, "comparison-interval", 5*time.Minute, "interval between comparisons of database rows and objects, and between repairs of the search index")
	fs.DurationVar(&o.comparisonGrace, "comparison-grace", 10*time.Minute, "how long a row must be unchanged before a comparison may remove it")
	fs.DurationVar(&o.auditRetention, "audit-retention", upkeep.DefaultAuditRetention, "how long rows of the audit are kept that are of no connection, in whole days; those of a connection as long as its spec.audit says")
	fs.IntVar(&o.sweepLimit, "sweep-limit", 0, "maximum number of prompts without object that one comparison may remove; 0 means 10 or a fifth of the live ones, whichever is more")
}

func (o *options) validate(getenv func(string) string) error {
	if err := o.database.Validate(); err != nil {
		return err
	}
	if err := o.secrets.validate(&o.database, o.proof.keyFile); err != nil {
		return err
	}
	if err := o.cluster.complete(); err != nil {
		return err
	}
	if o.connections.sealKeyFile != "" && o.secrets.sealKeys != "" {
		return errors.New("set only one of --seal-key-secret and --seal-key-file")
	}
	if err := o.connections.validate(o.cluster.watched); err != nil {
		return err
	}
	if err := o.leaderElection.validate(); err != nil {
		return err
	}
	if o.audit.Store == audit.InMemory {
		return errors.New("--audit=memory keeps rows for whoever asks the same process, and nobody asks the controller: it can be postgres or off")
	}
	if err := o.audit.Validate(false); err != nil {
		return err
	}
	if !slices.Contains([]string{migrateApply, migrateVerify}, o.migrate) {
		return fmt.Errorf("--migrate is %q; it can be %s or %s", o.migrate, migrateApply, migrateVerify)
	}
	if !slices.Contains([]string{changesProven, changesUnproven}, o.changes) {
		return fmt.Errorf("--changes is %q; it can be %s or %s", o.changes, changesProven, changesUnproven)
	}
	if o.changes == changesUnproven && !o.allowInPod && getenv("KUBERNETES_SERVICE_HOST") != "" {
		return errors.New("--changes=unproven does not run inside Kubernetes (KUBERNETES_SERVICE_HOST is set): whoever has a server's database " +
			"role could change every prompt; use --changes=proven, or set --allow-in-pod if that is what you want")
	}
	if o.changes == changesProven {
		if err := o.proof.validate(o.secrets.intakeKeys != ""); err != nil {
			return err
		}
	}
	if o.sweepLimit < 0 {
		return errors.New("--sweep-limit cannot be negative")
	}
	if o.concurrency < 1 || o.maxVersions < 1 {
		return errors.New("--concurrency and --max-versions-per-prompt must be at least 1")
	}
	if o.maxVersionBytes < minVersionBytes {
		return fmt.Errorf("--max-version-bytes-per-prompt is %d; at least %d (1 MiB) is needed, for a version or two", o.maxVersionBytes, minVersionBytes)
	}
	if o.resync <= 0 || o.releaseTimeout <= 0 || o.comparisonInterval <= 0 || o.comparisonGrace < 0 {
		return errors.New("--resync, --release-timeout and --comparison-interval must be positive, --comparison-grace not negative")
	}
	if o.auditRetention < minAuditRetention || o.auditRetention > maxAuditRetention {
		return fmt.Errorf("--audit-retention is %s; it can be 24h (a day) to 87600h (ten years)", o.auditRetention)
	}
	return nil
}
