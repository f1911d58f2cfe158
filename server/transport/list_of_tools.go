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
	// all are the tools by name.
	all map[string]*Tool
	// tools are sorted by name; variants are those of Tool.Variant, or the same.
	tools, variants []mcp.Tool

	mu      sync.Mutex
	encoded map[string]json.RawMessage
}

func newListOfTools(srv *Server) *listOfTools {
	l := &listOfTools{filter: srv.ToolFilter, tools: make([]mcp.Tool, len(srv.Tools)), encoded: make(map[string]json.RawMessage)}
	l.all = make(map[string]*Tool, len(srv.Tools))
	for i := range srv.Tools {
		l.all[srv.Tools[i].Definition.Name] = &srv.Tools[i]
		l.tools[i] = srv.Tools[i].Definition
		l.variants = append(l.variants, l.tools[i])
		if variant := srv.Tools[i].Variant; variant != nil {
			l.variants[i] = *variant
		}
	}
	for _, tools := range [][]mcp.Tool{l.tools, l.variants} {
		slices.SortFunc(tools, func(a, b mcp.Tool) int { return cmp.Compare(a.Name, b.Name) })
	}
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
	tools := l.tools
	if chooser, has := l.filter.(VariantChooser); has {
		shows, err := chooser.ShowsVariants(ctx, call)
		if err != nil {
			return nil, fmt.Errorf("choose the variants of tools: %w", err)
		}
		if shows {
			tools = l.variants
		}
	}
	encoded, err := l.encode(tools, func(name string) bool { return isListed(name) && call.Narrowing.admits(l.all[name]) })
	if err != nil {
		return nil, err
	}
	return &toolsResult{Tools: encoded}, nil
}

// encode returns the JSON of a choice of tools, which are l.tools or l.variants.
func (l *listOfTools) encode(tools []mcp.Tool, isListed func(string) bool) (json.RawMessage, error) {
	choice := make([]byte, len(tools)+1)
	for i := range tools {
		if isListed(tools[i].Name) {
			choice[i] = 1
		}
	}
	if len(tools) > 0 && &tools[0] == &l.variants[0] {
		choice[len(tools)] = 1
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if encoded, kept := l.encoded[string(choice)]; kept {
		return encoded, nil
	}
	chosen := make([]mcp.Tool, 0, len(l.tools))
	for i := range tools {
		if choice[i] == 1 {
			chosen = append(chosen, tools[i])
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
