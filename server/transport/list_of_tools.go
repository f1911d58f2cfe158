package transport

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
)

// keptLists bounds the lists of tools that are kept encoded: one for each choice of them that callers are shown.
const keptLists = 64

// listOfTools answers tools/list. Definitions do not change, so each choice of them is encoded once.
type listOfTools struct {
	filter ToolFilter
	// tools are sorted by name.
	tools []*Tool

	mu      sync.Mutex
	encoded map[string]json.RawMessage
}

func newListOfTools(srv *Server) *listOfTools {
	l := &listOfTools{filter: srv.ToolFilter, tools: make([]*Tool, len(srv.Tools)), encoded: make(map[string]json.RawMessage)}
	for i := range srv.Tools {
		l.tools[i] = &srv.Tools[i]
	}
	slices.SortFunc(l.tools, func(a, b *Tool) int { return cmp.Compare(a.Definition.Name, b.Definition.Name) })
	return l
}

// toolsResult is mcp.ListToolsResult as it is on the wire, with the tools encoded.
type toolsResult struct {
	mcp.PaginatedResult
	Tools json.RawMessage `json:"tools"`
}

// answerList answers with the tools that are there for the caller.
func (l *listOfTools) answerList(ctx context.Context, call *Call) (any, error) {
	isListed := func(string) bool { return true }
	if l.filter != nil {
		var err error
		if isListed, err = l.filter.ListedTools(ctx, call); err != nil {
			return nil, fmt.Errorf("list the tools of a caller: %w", err)
		}
	}
	variantOf := func(string) int { return 0 }
	if chooser, has := l.filter.(VariantChooser); has {
		var err error
		if variantOf, err = chooser.ChooseVariants(ctx, call); err != nil {
			return nil, fmt.Errorf("choose the variants of tools: %w", err)
		}
	}
	choice := make([]byte, len(l.tools))
	for i, t := range l.tools {
		name := t.Definition.Name
		if isListed(name) && call.Narrowing.admits(t) {
			choice[i] = byte(1 + min(variantOf(name), len(t.Variants))) //nolint:gosec // a tool has a few variants
		}
	}
	encoded, err := l.encode(choice)
	if err != nil {
		return nil, err
	}
	return &toolsResult{Tools: encoded}, nil
}

// encode returns the JSON of a choice of tools: of each 0 leaves it out, 1 is its definition, and what is more one of its variants.
func (l *listOfTools) encode(choice []byte) (json.RawMessage, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if encoded, kept := l.encoded[string(choice)]; kept {
		return encoded, nil
	}
	chosen := make([]mcp.Tool, 0, len(l.tools))
	for i, t := range l.tools {
		switch choice[i] {
		case 0:
		case 1:
			chosen = append(chosen, t.Definition)
		default:
			chosen = append(chosen, t.Variants[choice[i]-2])
		}
	}
	var written bytes.Buffer
	encoder := json.NewEncoder(&written)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(chosen); err != nil {
		return nil, fmt.Errorf("encode the list of tools: %w", err)
	}
	encoded := bytes.TrimSuffix(written.Bytes(), []byte("\n"))
	if len(l.encoded) < keptLists {
		l.encoded[string(choice)] = encoded
	}
	return encoded, nil
}
