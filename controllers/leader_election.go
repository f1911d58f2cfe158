package controllers

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	ctrl "sigs.k8s.io/controller-runtime"
)

// defaultLeaseName is the Lease that says which controller leads, where it has no other name.
const defaultLeaseName = "lectern-controller"

// leaderElectionOptions say whether one of several controllers leads, and how soon another takes over.
type leaderElectionOptions struct {
	enabled                                   bool
	leaseDuration, renewDeadline, retryPeriod time.Duration
}

func (o *leaderElectionOptions) addFlags(fs *pflag.FlagSet) {
	fs.BoolVar(&o.enabled, "leader-elect", true, "reconcile only while holding the leader election Lease; its holder is the pod's name "+
		"(POD_NAME, or the hostname in a pod without it), so that a restarted container takes its own Lease at once, and a name of its own elsewhere")
	fs.DurationVar(&o.leaseDuration, "leader-election-lease-duration", 5*time.Second, "how long another controller waits for a leader that does not renew its Lease; whole seconds")
	fs.DurationVar(&o.renewDeadline, "leader-election-renew-deadline", 3*time.Second, "how long a leader goes on without renewing its Lease; an API server that is silent for this long ends it")
	fs.DurationVar(&o.retryPeriod, "leader-election-retry-period", time.Second, "time between two attempts to renew the Lease or to take it")
}

func (o *leaderElectionOptions) validate() error {
	if !o.enabled {
		return nil
	}
	jittered := time.Duration(leaderelection.JitterFactor * float64(o.retryPeriod))
	switch {
	case o.retryPeriod <= 0 || o.renewDeadline <= jittered:
		return fmt.Errorf("--leader-election-renew-deadline is %s; it must be more than %s, which is %v times --leader-election-retry-period",
			o.renewDeadline, jittered, leaderelection.JitterFactor)
	case o.leaseDuration <= o.renewDeadline:
		return fmt.Errorf("--leader-election-lease-duration is %s; it must be more than --leader-election-renew-deadline, which is %s", o.leaseDuration, o.renewDeadline)
	case o.leaseDuration%time.Second != 0:
		return fmt.Errorf("--leader-election-lease-duration is %s; a Lease counts whole seconds", o.leaseDuration)
	}
	return nil
}

// newManager makes a manager that leads while it holds the Lease, or always where there is no election.
func (o *leaderElectionOptions) newManager(config *rest.Config, cluster *clusterOptions, managed ctrl.Options) (ctrl.Manager, error) {
	if !o.enabled {
		return ctrl.NewManager(config, managed)
	}
	lock, err := o.newLock(config, cluster)
	if err != nil {
		return nil, err
	}
	managed.LeaderElection = true
	managed.LeaderElectionResourceLockInterface = &punctualLock{Interface: lock, retryPeriod: o.retryPeriod}
	managed.LeaderElectionID, managed.LeaderElectionNamespace = cluster.leaseName, cluster.leaseNamespace
	managed.LeaseDuration, managed.RenewDeadline, managed.RetryPeriod = &o.leaseDuration, &o.renewDeadline, &o.retryPeriod
	managed.LeaderElectionReleaseOnCancel = true // main ends right after Start returns
	mgr, err := ctrl.NewManager(config, managed)
	if err != nil {
		return nil, err
	}
	lock.LockConfig.EventRecorder = mgr.GetEventRecorderFor(lock.Identity()) //nolint:staticcheck // the Lease's own package takes no other
	return mgr, nil
}

func (o *leaderElectionOptions) newLock(config *rest.Config, cluster *clusterOptions) (*resourcelock.LeaseLock, error) {
	identity, err := leaseIdentity(os.Getenv, os.Hostname)
	if err != nil {
		return nil, err
	}
	config = rest.AddUserAgent(config, "leader-election")
	config.Timeout = max(o.renewDeadline/2, time.Second) // one hung request must not cost the Lease
	client, err := coordinationv1client.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("set up the client for the leader election: %w", err)
	}
	return &resourcelock.LeaseLock{
		LeaseMeta: metav1.ObjectMeta{Namespace: cluster.leaseNamespace, Name: cluster.leaseName}, Client: client,
		LockConfig: resourcelock.ResourceLockConfig{Identity: identity},
	}, nil
}

// leaseIdentity returns the name under which this process holds the Lease. In a pod it is the pod's: of its containers one
// runs at a time, so what the last one held is the next one's at once. Two processes that have one name all the same, as two pods
// of one host's network without POD_NAME, both lead; the fences of the database keep what they write in order.
func leaseIdentity(getenv func(string) string, hostname func() (string, error)) (string, error) {
	if pod := getenv("POD_NAME"); pod != "" {
		return pod, nil
	}
	host, err := hostname()
	if err != nil {
		return "", fmt.Errorf("read the hostname, under which the Lease is held: %w", err)
	}
	if host == "" {
		return "", errors.New("the hostname, under which the Lease is held, is empty: set POD_NAME")
	}
	if getenv("KUBERNETES_SERVICE_HOST") != "" {
		return host, nil
	}
	return host + "_" + uuid.NewString(), nil
}
