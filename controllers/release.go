package controllers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// releaseOptions are the flags of `lectern release`.
type releaseOptions struct {
	cluster             clusterOptions
	all                 bool
	deployment          string
	policies            []string
	timeout             time.Duration
	whileControllerRuns bool
}

// ReleaseCommand returns `lectern release`.
func ReleaseCommand() *cobra.Command {
	var o releaseOptions
	c := &cobra.Command{
		Use:   "release --all",
		Short: "Drop Lectern's finalizers, once no controller runs any more",
		Long: "Drop Lectern's finalizers from every object of this installation, so that objects and namespaces can be deleted\n" +
			"after the controller is gone for good, and let another installation have them. An installation is known by the\n" +
			"namespace and name of its Lease; objects of others stay as they are. Rows in the database stay, too:\n" +
			"servers go on with them, also with the tokens of connections, and no refresh token is revoked. Delete connections\n" +
			"while a controller runs where that is wanted.\n\n" +
			"It does these in this order: it deletes the policies named, stops the controller named, refuses while a controller\n" +
			"or a policy that sets the finalizer would put it back (config/policies/finalizer), releases, and deletes the Lease of\n" +
			"a controller that it stopped. Each may be done already, so it can be run again when it failed.",
		Example: "  lectern release --all --leader-election-namespace=lectern-system --stop-controller=lectern-controller",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			return runRelease(c.Context(), &o, c.OutOrStdout())
		},
	}
	o.addFlags(c.Flags())
	return c
}

func (o *releaseOptions) addFlags(fs *pflag.FlagSet) {
	o.cluster.addFlags(fs, "namespaces whose prompts and connections are released, a list or repeated; when empty all")
	fs.BoolVar(&o.all, "all", false, "release every object of the installation")
	fs.StringVar(&o.deployment, "stop-controller", "", "name of the controller's Deployment, in the namespace of its Lease: it is scaled to zero first, and its pods are waited for")
	fs.StringSliceVar(&o.policies, "delete-policies", nil, "names of admission policies to delete first, each with the binding of its name; what is not there is none")
	fs.DurationVar(&o.timeout, "release-timeout", 5*time.Minute, "how long all of it may take")
	fs.BoolVar(&o.whileControllerRuns, "while-controller-runs", false, "release though the controller runs, because it does not watch these namespaces any more; with --watch-namespaces")
}

func (o *releaseOptions) validate() error {
	switch {
	case !o.all:
		return errors.New("say --all: every Prompt and SDPConnection of the installation loses its finalizer")
	case o.timeout <= 0:
		return errors.New("--release-timeout must be positive")
	case o.whileControllerRuns && o.cluster.watched.IsAll():
		return errors.New("--while-controller-runs needs --watch-namespaces with the namespaces that the controller does not watch any more: " +
			"in those it watches it would put the finalizers back")
	case o.whileControllerRuns && o.deployment != "":
		return errors.New("give --stop-controller or --while-controller-runs, not both")
	}
	return o.cluster.complete()
}

// releaser releases the objects of an installation.
type releaser struct {
	*releaseOptions
	api client.Client
	out io.Writer
}

func runRelease(ctx context.Context, o *releaseOptions, out io.Writer) error {
	config, err := o.cluster.restConfig()
	if err != nil {
		return err
	}
	scheme, err := newScheme()
	if err != nil {
		return err
	}
	api, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return fmt.Errorf("set up a client: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	r := &releaser{releaseOptions: o, api: api, out: out}
	for _, step := range []func(context.Context) error{r.deletePolicies, r.stopController, r.refuseWhileHeld, r.releaseAll, r.deleteLease} {
		if err := step(ctx); err != nil {
			return r.explain(ctx, err)
		}
	}
	return nil
}

// explain says of what took too long that it may be run again.
func (r *releaser) explain(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("not done after %s (--release-timeout): %w; run it again, what is done stays done", r.timeout, err)
	}
	return err
}

// refuseWhileHeld returns an error while somebody would put the finalizers back.
func (r *releaser) refuseWhileHeld(ctx context.Context) error {
	if !r.whileControllerRuns {
		holder, err := r.leaseHolder(ctx)
		if err != nil {
			return err
		}
		if holder != "" {
			return fmt.Errorf("the controller %s still runs and would put the finalizers back; scale it down first (--stop-controller=DEPLOYMENT does)", holder)
		}
	}
	return refuseWhileFinalizerIsSet(ctx, r.api, r.cluster.watched)
}

// say tells the person who runs the command what was done.
func (r *releaser) say(format string, args ...any) { fmt.Fprintf(r.out, format+"\n", args...) }
