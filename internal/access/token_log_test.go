package access

import (
	"strings"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestVerify_Log has Kubernetes' client log all it can, which from V(8) on is the body of every request, and looks for 12 bytes
// of the token: as text, as Go quotes it, and in the columns of a dump, 16 bytes a line.
func TestVerify_Log(t *testing.T) {
	t.Parallel()
	c := sharedCluster(t)
	token := c.requestToken(t, c.createAccount(t), testenv.TokenOptions{Audiences: []string{ours}})
	var mu sync.Mutex
	var logged strings.Builder
	talkative := funcr.New(func(prefix, args string) {
		mu.Lock()
		defer mu.Unlock()
		logged.WriteString(prefix + args)
	}, funcr.Options{Verbosity: 10})
	ctx := logr.NewContext(t.Context(), talkative)
	a := c.newAsker(t)
	identity, err := a.Verify(ctx, token)
	require.NoError(t, err)
	_, err = a.VerifyAgain(ctx, token)
	require.NoError(t, err)
	_ = a.Review(ctx, identity, Question{Verb: List, Resource: Prompts})
	mu.Lock()
	defer mu.Unlock()
	for i := range len(token) - 12 {
		if strings.Contains(logged.String(), token[i:i+12]) {
			t.Fatalf("the log has %d bytes, and the token in it from its byte %d on", logged.Len(), i)
		}
	}
}
