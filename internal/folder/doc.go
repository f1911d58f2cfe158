// Package folder keeps a store in step with a folder of manifests, and applies change requests to its files.
//
// It knows no MCP and no cluster; what a manifest means is for packages manifest and promptobject to say, and what becomes
// of a change request for package change. Its invariant: what is served is the last good text of each prompt, and no file
// is written that would not be served.
//
// A scan reads the files that changed and that nobody is writing (scan.go, manifest_file.go); which manifest stands for each
// prompt is resolved (resolve.go) and published (folder.go), and what keeps one from being served is known to callers
// (faults.go); events say which files to look at next (watch.go). A change request is planned as the edit of one file (plan.go),
// which replaces the file only if nobody saved it meanwhile (replace_file.go, exchange.go, open_writers.go), and is published
// at once (apply.go).
package folder
