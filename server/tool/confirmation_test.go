package tool

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// openStates seal nothing, so that a test can write states of its own.
type openStates struct{}

func (openStates) SealState(_ context.Context, _ string, state []byte) (string, error) {
	return string(state), nil
}
func (openStates) OpenState(_ context.Context, _, sealed string) ([]byte, error) {
	return []byte(sealed), nil
}

// TestConfirm_Late: who answers after ten minutes is asked again.
func TestConfirm_Late(t *testing.T) {
	t.Parallel()
	q := Question{Message: "Close ticket 31?", Shown: "open"}
	accepted := mcp.InputResponses{confirmationID: mcp.NewElicitationInputResponse(mcp.ElicitationResult{
		ElicitationResponse: mcp.ElicitationResponse{Action: mcp.ElicitationResponseActionAccept},
	})}
	answer := func(left time.Duration) error {
		state, err := json.Marshal(sealedQuestion{Digest: q.digest(), Nonce: "once", Expires: time.Now().Add(left).Unix()})
		require.NoError(t, err)
		_, err = Confirm(WithConversation(t.Context(), Conversation{Sealer: openStates{}, Responses: accepted, State: string(state)}), q)
		return err
	}
	require.NoError(t, answer(time.Minute))
	if _, asks := errors.AsType[*questionError](answer(-time.Second)); !asks {
		t.Error("a late answer counts")
	}
	if _, err := Confirm(t.Context(), q); !errors.Is(err, ErrCannotAsk) {
		t.Errorf("outside of a call: %v", err)
	}
}
