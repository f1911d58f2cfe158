package prompts

import (
	"context"
	"errors"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/audit"
	"github.com/lectern-dev/lectern/server/catalog"
	"github.com/lectern-dev/lectern/server/transport"
)

// receiptKey is the key of the receipt in _meta.
const receiptKey = "dev.lectern/receipt"

// receipt says what was rendered, and from which values by name. Values are never in it, nor a hash
// of them.
type receipt struct {
	Prompt    string            `json:"prompt"`
	Selector  string            `json:"selector"`
	Version   int64             `json:"version"`
	Digest    prompt.Digest     `json:"digest"`
	Includes  []prompt.Included `json:"includes"`
	Variables []string          `json:"variables"`
}

// answerPromptsGet answers prompts/get, by types that cost less to encode than mcp-go's: a test holds their bytes against each
// other.
func (s *Service) answerPromptsGet(ctx context.Context, call *transport.Call) (any, error) {
	r, f := s.renderCall(ctx, call)
	if f != nil {
		return nil, f
	}
	result := &getResult{Description: r.body.Description, Messages: make([]getMessage, len(r.messages))}
	result.Meta.Receipt = newReceipt(r.body, call.Arguments)
	audit.FromContext(ctx).UseArguments(result.Meta.Receipt.Variables)
	if call.Modern {
		result.ResultType = mcp.ResultTypeComplete
		result.Meta.ServerInfo = &s.self
	}
	for i, m := range r.messages {
		result.Messages[i] = getMessage{Role: m.Role, Content: textContent{Type: "text", Text: m.Text}}
	}
	return result, nil
}

// getResult is mcp.GetPromptResult as it is on the wire.
type getResult struct {
	Meta        getMeta        `json:"_meta"`
	ResultType  mcp.ResultType `json:"resultType,omitempty"`
	Description string         `json:"description,omitempty"`
	Messages    []getMessage   `json:"messages"`
}

type getMeta struct {
	Receipt    receipt             `json:"dev.lectern/receipt"`
	ServerInfo *mcp.Implementation `json:"io.modelcontextprotocol/serverInfo,omitempty"`
}

type getMessage struct {
	Role    prompt.Role `json:"role"`
	Content textContent `json:"content"`
}

type textContent struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// renderedPrompt is a prompt with the values of a call in it.
type renderedPrompt struct {
	body     *catalog.Body
	messages []prompt.Message
}

func (s *Service) renderCall(ctx context.Context, call *transport.Call) (renderedPrompt, *transport.Failure) {
	key, selector, f := parsePromptName(call.Namespace, s.homeNamespace, call.Name)
	if f != nil {
		return renderedPrompt{}, f
	}
	r, err := s.renderPrompt(ctx, key, selector, call.Arguments)
	if err != nil {
		return renderedPrompt{}, s.failureFor(ctx, key, err)
	}
	return r, nil
}

func (s *Service) renderPrompt(
	ctx context.Context, key store.Key, selector prompt.Selector, values map[string]string,
) (renderedPrompt, error) {
	body, err := s.getIfAllowed(ctx, key, selector)
	if err != nil {
		return renderedPrompt{}, err
	}
	messages, err := body.Template.Render(values)
	return renderedPrompt{body: body, messages: messages}, err
}

// parsePromptName reads the name of a prompt as prompts/list has it: with the namespace in front where the endpoint is
// for all namespaces, but for those of the home namespace, if there is one.
func parsePromptName(endpoint, home, name string) (store.Key, prompt.Selector, *transport.Failure) {
	key, selector, err := parseID(endpoint, home, name)
	wrong, is := errors.AsType[*selectorError](err)
	switch {
	case err == nil:
		return key, selector, nil
	case is:
		return key, selector, transport.InvalidParams(wrong.problem)
	case errors.Is(err, errMissingNamespace):
		return key, selector, transport.InvalidParams(noSuchPrompt + "; names on this endpoint are namespace.name")
	default:
		return key, selector, transport.InvalidParams(noSuchPrompt)
	}
}

func newReceipt(body *catalog.Body, values map[string]string) receipt {
	return receipt{
		Prompt:    body.Key.String(),
		Selector:  body.Selector.String(),
		Version:   body.Version,
		Digest:    body.Digest,
		Includes:  nonNil(body.Includes),
		Variables: body.Template.GivenNames(values),
	}
}
