package controllers

import (
	"context"
	"errors"
	"log/slog"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/lectern-dev/lectern/controllers/changes"
	"github.com/lectern-dev/lectern/internal/access"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/store/postgres"
)

// proofOptions say how change requests are proven to be of whom they name.
type proofOptions struct {
	access  access.Options
	keyFile string
}

func (o *proofOptions) addFlags(fs *pflag.FlagSet) {
	o.access.Mode = access.ModeKubernetes
	o.access.AddFlags(fs)
	fs.StringVar(&o.keyFile, "intake-key-file", "", "file with the private keys that open the callers' tokens in change requests (lectern keys new makes it); "+
		"read again when it changes; without it no change request is taken")
}

// validate returns what is wrong with the options where proof is asked for. Without a key there is nothing to be proven, so
// nothing else is needed.
func (o *proofOptions) validate(hasSecret bool) error {
	switch {
	case o.keyFile == "" && !hasSecret:
		return nil
	case o.access.Mode == access.ModeNone:
		return errors.New("--auth=none proves nobody: leave out --intake-key-file and --intake-key-secret and set --changes=unproven, or set --auth as the servers have it")
	}
	return o.access.Validate()
}

// newProver returns what proves change requests, and what lets go of it; without keys that is nil, by which nothing is proven.
func newProver(ctx context.Context, o *options, keys *seal.PrivateKeys, log logr.Logger) (*changes.Prover, func(), error) {
	if o.changes == changesUnproven {
		log.Info("Change requests are taken without proof: whoever has the servers' database role can change prompts")
		return nil, func() {}, nil
	}
	if keys == nil {
		log.Info("No change request is taken: there is no key to open proofs with", "advice", "give --intake-key-secret or --intake-key-file and --audience, or on a laptop --changes=unproven")
		return nil, func() {}, nil
	}
	asking := o.proof.access
	asking.Kubeconfig = o.cluster.kubeconfig
	callers, err := access.Open(ctx, asking, structuredLog(log))
	if err != nil {
		return nil, nil, err
	}
	unregister, err := registerMetrics(metrics.Registry, callers.Metrics())
	if err != nil {
		return nil, nil, err
	}
	log.Info("Change requests are proven by their callers' tokens", "auth", asking.Mode, "keys", keys.KeyIDs())
	return &changes.Prover{
			Keys: keys, Verifier: callers.Verifier, Reviewer: callers.Reviewer, IsForUsAlone: callers.IsForUsAlone,
		}, func() {
			unregister()
			callers.Close()
		}, nil
}

func structuredLog(log logr.Logger) *slog.Logger { return slog.New(logr.ToSlogHandler(log)) }

// sealScrubber removes old seals from the database, whichever replica leads, and whether any does.
type sealScrubber struct{ store *postgres.Store }

// NeedLeaderElection lets every replica scrub.
func (sealScrubber) NeedLeaderElection() bool { return false }

// Start scrubs until ctx ends.
func (s sealScrubber) Start(ctx context.Context) error {
	s.store.KeepSealsScrubbed(ctx)
	return nil
}
