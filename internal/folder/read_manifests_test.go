package folder

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/manifest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestReadManifests_EndsWithItsContext: a file that is being decoded keeps nobody waiting.
func TestReadManifests_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	reader, err := manifest.NewReader()
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	file := manifest.File{Name: "f.yaml", Content: []byte(strings.Repeat(greet+"---\n", 500))}
	if _, err := readManifests(ctx, reader, file); !errors.Is(err, context.Canceled) {
		t.Errorf("it ends with %v", err)
	}
}
