// Package prompts offers the prompts of a catalog as MCP prompts.
//
// Where the design says that absent keys are omitted, variables and tags are in the text of a prompt all the same: in the
// original tools they always were, empty or not.
//
// It knows no HTTP and no store. Its invariant: before anything is looked up the caller is judged by
// what the request names, and whatever may not be read, is not there or is only a fragment answers
// with the same words.
package prompts
