package prompts

import (
	"context"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"github.com/lectern-dev/lectern/server/transport"
)

// How long clients may keep what they were told.
const (
	discoverTTL  = time.Minute
	toolsTTL     = 30 * time.Second
	listTTL      = 5 * time.Second
	templatesTTL = time.Minute
)

// anyPrompt is the one prompt registered with mcp-go, whose registry is static. Which prompt is meant
// stands in the call.
const anyPrompt = "lectern"

// Server makes the mcp-go server that offers the service and nothing else, for the transport.
func (s *Service) Server() *mcpserver.MCPServer {
	hooks := &mcpserver.Hooks{}
	hooks.AddBeforeGetPrompt(func(_ context.Context, _ any, request *mcp.GetPromptRequest) { request.Params.Name = anyPrompt })
	hooks.AddAfterListPrompts(s.fillPromptList)
	options := []mcpserver.ServerOption{
		mcpserver.WithTitle(s.self.Title),
		mcpserver.WithInstructions(s.composeInstructions()),
		mcpserver.WithPromptCapabilities(true),
		mcpserver.WithHooks(hooks),
		mcpserver.WithMethodCacheHints(mcp.MethodServerDiscover, discoverTTL.Milliseconds(), mcp.CacheScopePrivate),
		mcpserver.WithMethodCacheHints(mcp.MethodToolsList, toolsTTL.Milliseconds(), mcp.CacheScopePrivate),
		mcpserver.WithMethodCacheHints(mcp.MethodPromptsList, listTTL.Milliseconds(), mcp.CacheScopePrivate),
	}
	if s.library != nil {
		options = append(options, mcpserver.WithToolCapabilities(false))
		options = append(options, s.resourceOptions(hooks)...)
	}
	srv := mcpserver.NewMCPServer(s.self.Name, s.self.Version, options...)
	if s.library != nil {
		s.addResourceTemplates(srv)
	}
	srv.AddPrompt(mcp.NewPrompt(anyPrompt), s.getThroughMCPGo)
	s.addTools(srv)
	return srv
}

// addTools registers the tools. Which they are does not change while the server runs.
func (s *Service) addTools(srv *mcpserver.MCPServer) {
	for _, t := range s.offeredTools() {
		srv.AddTool(t.MCP(), func(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			result, err := t.Call(ctx, request.Params.RawArguments)
			if err != nil {
				err = transport.FromContext(ctx).Fail(transport.Canceled())
			}
			return result, err
		})
	}
}

// resourceOptions have mcp-go answer resources and completions by the service.
func (s *Service) resourceOptions(hooks *mcpserver.Hooks) []mcpserver.ServerOption {
	hooks.AddAfterListResources(s.fillResourceList)
	hooks.AddAfterReadResource(setResourceCacheHints)
	return []mcpserver.ServerOption{
		mcpserver.WithResourceCapabilities(true, true),
		mcpserver.WithMethodCacheHints(mcp.MethodResourcesList, listTTL.Milliseconds(), mcp.CacheScopePrivate),
		mcpserver.WithMethodCacheHints(mcp.MethodResourcesTemplatesList, templatesTTL.Milliseconds(), mcp.CacheScopePrivate),
		mcpserver.WithCompletions(),
		mcpserver.WithPromptCompletionProvider(s),
		mcpserver.WithResourceCompletionProvider(s),
	}
}

// addResourceTemplates registers the templates. What a URI names is not in mcp-go's registry, which is
// static; readResource finds it.
func (s *Service) addResourceTemplates(srv *mcpserver.MCPServer) {
	for _, t := range []struct{ uri, name, title, description string }{
		{promptTemplate, "prompt", "Prompt", "A prompt in its default version: the text as written, and what is known of it"},
		{versionTemplate, "prompt-version", "Version of a prompt", "One version of a prompt, which never changes"},
		{channelTemplate, "prompt-channel", "Channel of a prompt", "The version a channel of a prompt points to, as production or latest"},
	} {
		srv.AddResourceTemplate(mcp.NewResourceTemplate(t.uri, t.name,
			mcp.WithTemplateTitle(t.title), mcp.WithTemplateDescription(t.description), mcp.WithTemplateMIMEType(jsonType),
		), s.readResource)
	}
}
