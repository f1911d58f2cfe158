package server

import (
	"errors"
	"fmt"

	"github.com/lectern-dev/lectern/server/audit"
	"github.com/lectern-dev/lectern/server/prompts"
	"github.com/lectern-dev/lectern/server/servicedesk"
)

// toolsetNames returns the names of all groups of tools.
func toolsetNames() []string {
	return append(append([]string{prompts.Toolset}, servicedesk.Toolsets()...), audit.Toolset)
}

// validateNarrowing returns what is wrong with what the client on stdin and stdout is left of the tools.
func (o *Options) validateNarrowing() error {
	narrowing := &o.StdioNarrowing
	if !o.Stdio && (len(narrowing.Toolsets) > 0 || narrowing.ReadOnly) {
		return errors.New("--toolsets and --read-only are for the client of --stdio; over HTTP a client writes ?toolsets=a,b and ?readonly in the URL")
	}
	if err := narrowing.Validate(toolsetNames()); err != nil {
		return fmt.Errorf("--toolsets: %w", err)
	}
	return nil
}
