package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/status"
)

// releasePageSize bounds how many objects are in memory at once.
const releasePageSize = 250

// ReleaseCommand returns `lectern release`.
func ReleaseCommand() *cobra.Command {
	var where clusterOptions
	var all bool
	c := &cobra.Command{
		Use:   "release --all",
		Short: "Drop Lectern's finalizers, once no controller runs any more",
		Long: "Drop Lectern's finalizers from every object, so that objects and namespaces can be deleted after the\n" +
			"controller is gone for good. Rows in the database stay as they are.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if !all {
				return errors.New("say --all: every Prompt of the cluster loses its finalizer")
			}
			if err := where.complete(); err != nil {
				return err
			}
			config, err := where.restConfig()
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
			if err := refuseWhileControllerRuns(c.Context(), api, where.leaseNamespace); err != nil {
				return err
			}
			released, err := releaseAll(c.Context(), api)
			fmt.Fprintf(c.OutOrStdout(), "Released %d prompts.\n", released)
			return err
		},
	}
	where.addFlags(c.Flags())
	c.Flags().BoolVar(&all, "all", false, "release every object of the cluster")
	return c
}

// refuseWhileControllerRuns returns an error while a controller holds the Lease: it would put the finalizers back.
func refuseWhileControllerRuns(ctx context.Context, api client.Reader, namespace string) error {
	var lease coordinationv1.Lease
	err := api.Get(ctx, types.NamespacedName{Namespace: namespace, Name: leaseName}, &lease)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the Lease of the controller: %w", err)
	}
	spec := lease.Spec
	if spec.HolderIdentity == nil || *spec.HolderIdentity == "" || spec.RenewTime == nil || spec.LeaseDurationSeconds == nil {
		return nil
	}
	if ends := spec.RenewTime.Add(time.Duration(*spec.LeaseDurationSeconds) * time.Second); time.Now().Before(ends) {
		return fmt.Errorf("the controller %s still runs and would put the finalizers back; scale it down first", *spec.HolderIdentity)
	}
	return nil
}

func releaseAll(ctx context.Context, api client.Client) (int, error) {
	writer := status.Writer{Client: api}
	released := 0
	for next := ""; ; {
		var page v1alpha1.PromptList
		if err := api.List(ctx, &page, client.Limit(releasePageSize), client.Continue(next)); err != nil {
			return released, fmt.Errorf("list prompts: %w", err)
		}
		for i := range page.Items {
			p := &page.Items[i]
			if !controllerutil.ContainsFinalizer(p, v1alpha1.PromptFinalizer) {
				continue
			}
			if err := releaseOne(ctx, api, writer, p); err != nil {
				return released, fmt.Errorf("release %s/%s: %w", p.Namespace, p.Name, err)
			}
			released++
		}
		if next = page.Continue; next == "" {
			return released, nil
		}
	}
}

// releaseOne drops the finalizer of one object, reading it again when somebody changed it meanwhile.
func releaseOne(ctx context.Context, api client.Reader, writer status.Writer, p *v1alpha1.Prompt) error {
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		err := writer.DropFinalizer(ctx, p, v1alpha1.PromptFinalizer)
		if apierrors.IsConflict(err) {
			if err := api.Get(ctx, client.ObjectKeyFromObject(p), p); err != nil {
				return err
			}
		}
		return err
	})
	return client.IgnoreNotFound(err)
}
