package controllers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/controllers/secrets"
)

// sealRotateOptions are the flags of `lectern seal rotate`.
type sealRotateOptions struct {
	kubeconfig, namespace, secret string
}

// SealCommand returns `lectern seal`.
func SealCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "seal", Short: "Change the key that tokens are sealed with in the database", Args: cobra.NoArgs}
	cmd.AddCommand(sealRotateCommand())
	return cmd
}

func sealRotateCommand() *cobra.Command {
	var o sealRotateOptions
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Ask the controller for another seal key",
		Long: "Ask the controller for another seal key. The controller adds it to the keys of the Secret, from which servers read it, and\n" +
			"seals with it ten minutes later; then it seals what is stored again, and drops the key of before after a day.\n" +
			"No call of an agent fails meanwhile. The Secret's annotations tell how far it is.",
		Example: "  lectern seal rotate --namespace=lectern-system --seal-key-secret=lectern-seal",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return requestSealRotation(cmd.Context(), o, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig file; when empty KUBECONFIG, then the pod's own account, then ~/.kube/config")
	cmd.Flags().StringVar(&o.namespace, "namespace", "", "namespace of the controller")
	cmd.Flags().StringVar(&o.secret, "seal-key-secret", "lectern-seal", "name of the Secret with the seal keys")
	return cmd
}

func requestSealRotation(ctx context.Context, o sealRotateOptions, out io.Writer) error {
	if o.namespace == "" {
		return errors.New("set --namespace to the namespace of the controller")
	}
	cluster := clusterOptions{kubeconfig: o.kubeconfig}
	config, err := cluster.restConfig()
	if err != nil {
		return err
	}
	config.Timeout = secretCallTimeout
	scheme, err := newScheme()
	if err != nil {
		return err
	}
	api, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return fmt.Errorf("set up a client: %w", err)
	}
	if err := secrets.RequestSealRotation(ctx, api, client.ObjectKey{Namespace: o.namespace, Name: o.secret}, time.Now()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "Asked for another seal key: it is added within a minute, seals after %s, and the one before goes after %s.\n",
		secrets.SealPromotionDelay, secrets.SealDropDelay)
	return err
}
