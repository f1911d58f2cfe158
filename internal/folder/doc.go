// Package folder keeps a store in memory in step with a folder of manifests, and carries change requests out
// on its files: `lectern server --prompts DIR`.
//
// It knows no MCP and no Kubernetes; what a manifest means is package manifest's to say. Its invariant: what is
// served is the last good text of each prompt, and no file is written that would not be served.
package folder
