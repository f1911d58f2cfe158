// Package transport speaks MCP on mcp-go's MCPServer.HandleMessage: Streamable HTTP without sessions,
// and lines on a pipe.
//
// It serves revision 2026-07-28 and all older ones, and knows no prompts and no store. Its invariant:
// what was decoded and checked here is what is acted upon, no request can reach one of another client,
// and no inner error a caller.
package transport
