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
	tools []mcp.Tool

	mu      sync.Mutex
	encoded map[string]json.RawMessage
}

func newListOfTools(srv *Server) *listOfTools {
	l := &listOfTools{filter: srv.ToolFilter, tools: make([]mcp.Tool, len(srv.Tools)), encoded: make(map[string]json.RawMessage)}
	for i := range srv.Tools {
		l.tools[i] = srv.Tools[i].Definition
	}
	slices.SortFunc(l.tools, func(a, b mcp.Tool) int { return cmp.Compare(a.Name, b.Name) })
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
	encoded, err := l.encode(isListed)
	if err != nil {
		return nil, err
	}
	return &toolsResult{Tools: encoded}, nil
}

// encode returns the JSON of a choice of tools.
func (l *listOfTools) encode(isListed func(string) bool) (json.RawMessage, error) {
	choice := make([]byte, len(l.tools))
	for i := range l.tools {
		if isListed(l.tools[i].Name) {
			choice[i] = 1
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if encoded, kept := l.encoded[string(choice)]; kept {
		return encoded, nil
	}
	chosen := make([]mcp.Tool, 0, len(l.tools))
	for i, is := range choice {
		if is == 1 {
			chosen = append(chosen, l.tools[i])
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
