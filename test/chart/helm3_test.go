//go:build helm3

package chart

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestRender_SameByHelm3 has Helm 3 render every file of values as Helm 4 does, byte for byte and in the same order, but for the
// empty lines that Helm 4 leaves at the end of documents. `make old-helm` runs it: Helm 3 is another program to build.
func TestRender_SameByHelm3(t *testing.T) {
	t.Parallel()
	helm3, err := testenv.PinnedProgram(t.Context(), "helm3")
	require.NoError(t, err)
	for name, r := range cases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := r.template(t.Context(), helm3)
			require.NoError(t, err)
			if diff := cmp.Diff(splitDocuments(r.render(t)), splitDocuments(text)); diff != "" {
				t.Errorf("(-helm4 +helm3):\n%s", diff)
			}
		})
	}
}

func splitDocuments(text string) []string {
	documents := strings.Split("\n"+text, "\n---\n")
	for i, document := range documents {
		documents[i] = strings.TrimRight(document, " \n")
	}
	return documents
}
