package server

import (
	"fmt"
	"log/slog"

	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/prompts"
)

// openIntake returns who takes changes, and what proves their callers to it. A folder is edited by this program itself. A
// controller asks for proof of callers who are authenticated here; without a key to seal it with no change could be applied,
// and none is taken.
func openIntake(opts *Options, changes prompts.Changes, gate *auth.Gate, log *slog.Logger) (prompts.Changes, prompts.Prover, error) {
	switch {
	case opts.Prompts != "" || opts.Auth.IsNone():
		return changes, nil, nil
	case opts.IntakePublicKeyFile == "":
		log.Warn("No tool that writes is offered: there is no key to seal the callers' tokens with", "advice", "give --intake-public-key-file")
		return nil, nil, nil
	}
	keys, err := seal.OpenPublicKeys(opts.IntakePublicKeyFile, log)
	if err != nil {
		return nil, nil, fmt.Errorf("--intake-public-key-file: %w", err)
	}
	return changes, gate.NewCallerProver(keys.Seal), nil
}
