package tool

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

const (
	// Declined is the kind of what a person did not want.
	Declined Kind = "DeclinedError"
	// confirmationTime is how long a person may take.
	confirmationTime = 10 * time.Minute
	// confirmationID is the name of the question among those of a result.
	confirmationID = "confirmation"
)

// ErrCannotAsk says that nobody can be asked: the client did not declare elicitation, or cannot be asked back.
var ErrCannotAsk = errors.New("the client cannot ask a person")

// Question is what a person confirms before a call goes on.
type Question struct {
	// Message is what the person reads.
	Message string
	// Shown is what it is about, as it is now: an answer to a question about something else, or about how it was, is none.
	Shown string
}

// Confirmation is the answer of a person who accepted.
type Confirmation struct {
	// Nonce is another one for each question: what it lets happen, happens once.
	Nonce string
}

// StateSealer seals what a client keeps between two tries of a call (SEP-2322). What was sealed opens for the same caller and the same
// use only: the client may change it, keep it, or hand it to others.
type StateSealer interface {
	SealState(ctx context.Context, use string, state []byte) (string, error)
	OpenState(ctx context.Context, use, sealed string) ([]byte, error)
}

// Conversation is what a call says of a question that was asked before, and of whether one can be asked. The zero value cannot.
type Conversation struct {
	// Sealer is nil where nobody can be asked.
	Sealer    StateSealer
	Responses mcp.InputResponses
	State     string
	// use is the tool and a digest of its arguments.
	use string
}

type conversationKey struct{}

// WithConversation returns ctx for a call.
func WithConversation(ctx context.Context, c Conversation) context.Context {
	return context.WithValue(ctx, conversationKey{}, &c)
}

// withUse has what is sealed for this call open for the same tool with the same arguments only.
func withUse(ctx context.Context, tool string, arguments map[string]json.RawMessage) context.Context {
	c, is := ctx.Value(conversationKey{}).(*Conversation)
	if !is || c.Sealer == nil {
		return ctx
	}
	own := *c
	digest := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(arguments)) {
		fmt.Fprintf(digest, "%d %s %d %s ", len(name), name, len(arguments[name]), arguments[name])
	}
	own.use = tool + " " + hex.EncodeToString(digest.Sum(nil))
	return context.WithValue(ctx, conversationKey{}, &own)
}

// sealedQuestion is what a client keeps of a Question.
type sealedQuestion struct {
	Digest  []byte `json:"digest"`
	Nonce   string `json:"nonce"`
	Expires int64  `json:"expires"`
}

func (q *Question) digest() []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s%s", len(q.Message), q.Message, q.Shown))
	return sum[:]
}

// Confirm returns once a person accepted the question. Until then its error has the tool's answer be the question, and the client
// calls again; it is ErrCannotAsk where the tool has to find another way, and an *Error of kind Declined after a no. An answer that
// came too late, or to another question, has it asked anew.
func Confirm(ctx context.Context, q Question) (Confirmation, error) {
	c, is := ctx.Value(conversationKey{}).(*Conversation)
	if !is || c.Sealer == nil {
		return Confirmation{}, ErrCannotAsk
	}
	if c.State == "" {
		return Confirmation{}, c.ask(ctx, q)
	}
	raw, err := c.Sealer.OpenState(ctx, c.use, c.State)
	var asked sealedQuestion
	if err != nil || json.Unmarshal(raw, &asked) != nil {
		return Confirmation{}, NewInvalid("requestState is not of this call: call again without it")
	}
	if string(asked.Digest) != string(q.digest()) || time.Now().Unix() >= asked.Expires {
		return Confirmation{}, c.ask(ctx, q)
	}
	response, answered := c.Responses[confirmationID]
	if !answered || response.DecodeFor(mcp.MethodElicitationCreate) != nil || response.Elicitation == nil {
		return Confirmation{}, c.ask(ctx, q)
	}
	if action := response.Elicitation.Action; action != mcp.ElicitationResponseActionAccept {
		return Confirmation{}, &Error{Kind: Declined, Text: "the person who was asked did not accept it; nothing was done"}
	}
	return Confirmation{Nonce: asked.Nonce}, nil
}

// questionError has a call be answered by a question.
type questionError struct{ result *mcp.CallToolResult }

func (*questionError) Error() string { return "a person is asked first" }

func (c *Conversation) ask(ctx context.Context, q Question) error {
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce) // it never fails
	raw, err := json.Marshal(sealedQuestion{
		Digest: q.digest(), Nonce: base64.RawURLEncoding.EncodeToString(nonce), Expires: time.Now().Add(confirmationTime).Unix(),
	})
	if err != nil {
		return fmt.Errorf("write a question: %w", err)
	}
	sealed, err := c.Sealer.SealState(ctx, c.use, raw)
	if err != nil {
		return fmt.Errorf("seal a question: %w", err)
	}
	result := &mcp.CallToolResult{Content: []mcp.Content{}}
	result.ResultType = mcp.ResultTypeInputRequired
	result.RequestState = sealed
	result.InputRequests = mcp.InputRequests{confirmationID: mcp.NewElicitationInputRequest(mcp.ElicitationParams{
		Mode: mcp.ElicitationModeForm, Message: q.Message,
		RequestedSchema: map[string]any{"type": "object", "properties": map[string]any{}},
	})}
	return &questionError{result}
}
