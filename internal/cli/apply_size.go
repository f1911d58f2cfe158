package cli

import (
	"fmt"

	"github.com/lectern-dev/lectern/internal/manifest"
)

// applySizeWarning warns of a manifest that the plain `kubectl apply` cannot take: it keeps a copy of the
// object in an annotation, with <, > and & as six characters each.
func applySizeWarning(m *manifest.Source) []manifest.Problem {
	size, err := m.LastAppliedSize()
	if err != nil || size <= manifest.MaxAnnotations {
		return nil
	}
	return []manifest.Problem{{Place: m.Place, Warning: true, Message: fmt.Sprintf(
		"kubectl apply would keep a copy of this object in an annotation, which with the others is %d bytes, and %d (%d KiB) are allowed; apply it with kubectl apply --server-side",
		size, manifest.MaxAnnotations, manifest.MaxAnnotations>>10)}}
}
