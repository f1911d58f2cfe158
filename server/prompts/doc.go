// Package prompts offers the prompts of a catalog as MCP prompts.
//
// It knows no HTTP and no store. Its invariant: before anything is looked up the caller is judged by
// what the request names, and whatever may not be read, is not there or is only a fragment answers
// with the same words.
package prompts
