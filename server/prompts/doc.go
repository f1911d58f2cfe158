// Package prompts offers the prompts of a catalog over MCP: as prompts, as resources, and through tools.
//
// It knows no HTTP, and no implementation of a store. Its invariant: the caller is authorized by what the request names
// before anything is read, and what may not be read, does not exist or is a fragment is answered with the same words.
package prompts
