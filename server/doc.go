// Package server is `lectern server`: it serves the prompts of a Postgres store to MCP clients.
//
// It reads, and writes nothing anywhere. A replica keeps no state another one would miss.
package server
