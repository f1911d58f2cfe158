// Package transport speaks MCP Streamable HTTP, without sessions, on mcp-go's
// MCPServer.HandleMessage.
//
// It serves revision 2026-07-28 and all older ones on one URL, and knows no prompts and no store.
// Its invariant: a request is decoded once, here; what was checked is what is acted upon, and no
// request can reach another one, nor an inner error a caller.
package transport
