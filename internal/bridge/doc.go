// Package bridge connects a program that speaks MCP in lines on a pipe with an MCP server over Streamable HTTP, for clients
// whose headers are static: the token is read anew for each request.
//
// It serves revision 2026-07-28 and older ones, and knows of a message no more than its envelope and what HTTP headers repeat
// of it. Its invariants: a token goes into the Authorization header of requests to the one URL and nowhere else, and each
// request gets one answer, unless it was canceled.
package bridge
