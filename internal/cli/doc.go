// Package cli is the commands that work on manifests in files: `lectern validate`, which a check
// before a merge runs, and `lectern render`, which shows what a caller would get.
//
// It needs no cluster, no database and no server, and imports none of their packages. It prints and exits;
// what is right or wrong with a manifest is internal/manifest's to say.
package cli
