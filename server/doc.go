// Package server is `lectern server`: it serves the prompts of a Postgres store, or of a folder, to MCP clients.
//
// On a database a replica keeps no state another one would miss, and what it writes it only asks for. On a folder there
// is one process, and it carries out what it is asked for.
package server
