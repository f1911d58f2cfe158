// Package transport speaks MCP: Streamable HTTP without sessions (SEP-2567), and lines on a pipe.
//
// It serves revision 2026-07-28 and all older ones, and knows no prompts and no store. Types and the rules of
// headers are mcp-go's; which method is answered by what is a table here, so that extensions add to it. Its
// invariant: what was decoded and checked here is what is acted upon, no request can reach one of another
// client, and no inner error a caller.
package transport
