package servicedesk

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/writetrace"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/tool"
	"github.com/lectern-dev/lectern/server/transport"
)

// SealedStates seal what clients keep between two tries of a call, plans of dry runs, and where writes are looked up, by keys that all
// replicas have. It implements tool.StateSealer, PlanSealer and TraceSealer.
type SealedStates struct{ Keys *seal.StorageKeys }

// NewProcessStates returns SealedStates with keys of this process alone: for one that keeps none.
func NewProcessStates() (SealedStates, error) {
	keyset, err := seal.NewStorageKeyset()
	if err != nil {
		return SealedStates{}, fmt.Errorf("make keys: %w", err)
	}
	keys, err := seal.ParseStorageKeys(keyset.Text())
	if err != nil {
		return SealedStates{}, fmt.Errorf("read keys that were made: %w", err)
	}
	return SealedStates{keys}, nil
}

// SealState implements tool.StateSealer.
func (s SealedStates) SealState(ctx context.Context, use string, state []byte) (string, error) {
	cell, err := stateCell(ctx, use)
	if err != nil {
		return "", err
	}
	sealed, err := s.Keys.Seal(state, cell)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// OpenState implements tool.StateSealer.
func (s SealedStates) OpenState(ctx context.Context, use, sealed string) ([]byte, error) {
	cell, err := stateCell(ctx, use)
	if err != nil {
		return nil, err
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil {
		return nil, fmt.Errorf("decode a state: %w", err)
	}
	return s.Keys.Open(raw, cell)
}

// planCell is what plans are sealed for: which caller, tool and arguments one is for is inside, so that a refusal can say it.
var planCell = seal.Cell{Table: "MCP", Column: "plan"}

// SealPlan implements PlanSealer.
func (s SealedStates) SealPlan(plan []byte) (string, error) {
	sealed, err := s.Keys.Seal(plan, planCell)
	if err != nil {
		return "", fmt.Errorf("seal a plan: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// OpenPlan implements PlanSealer.
func (s SealedStates) OpenPlan(sealed string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil {
		return nil, fmt.Errorf("decode a plan: %w", err)
	}
	return s.Keys.Open(raw, planCell)
}

// SealTrace implements TraceSealer.
func (s SealedStates) SealTrace(of writetrace.Intent, trace *sdp.WriteTrace) ([]byte, error) {
	return writetrace.Encode(s.Keys, of, trace)
}

// OpenTrace implements TraceSealer.
func (s SealedStates) OpenTrace(of writetrace.Intent, stored []byte) (sdp.WriteTrace, error) {
	return writetrace.Decode(s.Keys, of, stored)
}

// stateCell binds a state to its caller and its use.
func stateCell(ctx context.Context, use string) (seal.Cell, error) {
	identity, ok := auth.FromContext(ctx)
	if !ok {
		return seal.Cell{}, errors.New("nobody keeps a state for nobody")
	}
	return seal.Cell{Table: "MCP", Column: "requestState", Connection: identity.Subject, Row: use}, nil
}

// withConversation has tools know of a call what was asked before, and whether a person can be asked: revisions before 2026-07-28 have
// no way, and clients that take no forms none to show it.
func (s *Service) withConversation(ctx context.Context, call *transport.Call) context.Context {
	c := tool.Conversation{Responses: call.InputResponses, State: call.RequestState}
	if call.Modern && takesForms(call.Capabilities().Elicitation) {
		c.Sealer = s.states
	}
	return tool.WithConversation(ctx, c)
}

// takesForms reports whether a client shows forms: one that names no mode means these.
func takesForms(declared *mcp.ElicitationCapability) bool {
	return declared != nil && (declared.Form != nil || declared.URL == nil)
}
