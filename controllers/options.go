package controllers

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/lectern-dev/lectern/internal/store/postgres"
)

// leaseName is the Lease that says which controller leads.
const leaseName = "lectern-controller"

// The values of --migrate.
const (
	migrateApply  = "apply"
	migrateVerify = "verify"
)

// The values of --changes.
const (
	changesProven   = "proven"
	changesUnproven = "unproven"
)

// clusterOptions says which API server to talk to, and where this installation keeps its Lease.
type clusterOptions struct {
	kubeconfig     string
	leaseNamespace string
}

func (c *clusterOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&c.kubeconfig, "kubeconfig", "", "kubeconfig file; when empty KUBECONFIG, then the pod's own account, then ~/.kube/config")
	fs.StringVar(&c.leaseNamespace, "leader-election-namespace", "", "namespace of the leader election Lease; when empty the pod's own")
}

// namespaceFile holds the namespace of the pod this runs in.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// complete fills in the namespace of the pod.
func (c *clusterOptions) complete() error {
	if c.leaseNamespace != "" {
		return nil
	}
	own, err := os.ReadFile(namespaceFile)
	if err != nil {
		return errors.New("not running in a pod: set --leader-election-namespace")
	}
	c.leaseNamespace = strings.TrimSpace(string(own))
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
	cluster    clusterOptions
	database   postgres.Options
	migrate    string
	serverRole string

	leaderElect    bool
	metricsAddress string
	probeAddress   string

	changes            string
	concurrency        int
	maxVersions        int
	resync             time.Duration
	comparisonInterval time.Duration
	comparisonGrace    time.Duration
	sweepLimit         int
}

func (o *options) addFlags(fs *pflag.FlagSet) {
	o.cluster.addFlags(fs)
	o.database.ApplicationName = "lectern-controller"
	o.database.AddFlags(fs)
	fs.StringVar(&o.migrate, "migrate", migrateApply, "apply: bring the database schema up to date at start; verify: only check it")
	fs.StringVar(&o.serverRole, "server-role", "", "database role of the servers, granted what they need after each migration; empty grants nothing")
	fs.BoolVar(&o.leaderElect, "leader-elect", true, "reconcile only while holding the leader election Lease")
	fs.StringVar(&o.metricsAddress, "metrics-address", ":8080", "address of /metrics; 0 disables it")
	fs.StringVar(&o.probeAddress, "probe-address", ":8081", "address of /livez and /readyz")
	fs.StringVar(&o.changes, "changes", changesProven, "proven: refuse change requests of agents that carry no proof of who asks; "+
		"unproven: trust the server, so that whoever has its database role can change prompts (demo, tests)")
	fs.IntVar(&o.concurrency, "concurrency", 4, "maximum number of prompts reconciled at the same time, and as many changed for agents")
	fs.IntVar(&o.maxVersions, "max-versions-per-prompt", 1000, "maximum number of versions kept of a prompt that sets no historyLimit")
	fs.DurationVar(&o.resync, "resync", time.Hour, "resync interval: how often a prompt is reconciled though nothing changed")
	fs.DurationVar(&o.comparisonInterval, "comparison-interval", 5*time.Minute, "interval between comparisons of database rows and objects, and between repairs of the search index")
	fs.DurationVar(&o.comparisonGrace, "comparison-grace", 10*time.Minute, "how long a row must be unchanged before a comparison may remove it")
	fs.IntVar(&o.sweepLimit, "sweep-limit", 0, "maximum number of prompts without object that one comparison may remove; 0 means 10 or a fifth of the live ones, whichever is more")
}

func (o *options) validate() error {
	if err := o.database.Validate(); err != nil {
		return err
	}
	if err := o.cluster.complete(); err != nil {
		return err
	}
	if !slices.Contains([]string{migrateApply, migrateVerify}, o.migrate) {
		return fmt.Errorf("--migrate is %q; it can be %s or %s", o.migrate, migrateApply, migrateVerify)
	}
	if !slices.Contains([]string{changesProven, changesUnproven}, o.changes) {
		return fmt.Errorf("--changes is %q; it can be %s or %s", o.changes, changesProven, changesUnproven)
	}
	if o.sweepLimit < 0 {
		return errors.New("--sweep-limit cannot be negative")
	}
	if o.concurrency < 1 || o.maxVersions < 1 {
		return errors.New("--concurrency and --max-versions-per-prompt must be at least 1")
	}
	if o.resync <= 0 || o.comparisonInterval <= 0 || o.comparisonGrace < 0 {
		return errors.New("--resync and --comparison-interval must be positive, --comparison-grace not negative")
	}
	return nil
}
