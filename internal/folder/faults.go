package folder

import (
	"path/filepath"
	"strings"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/manifest"
)

const (
	// maxFaults bounds the faults that are kept for callers, maxFaultBytes each of them.
	maxFaults     = 100
	maxFaultBytes = 400
	// maxLoggedProblems bounds what one scan logs.
	maxLoggedProblems = 200
)

// faultList is what keeps prompts from being served as their files say.
type faultList struct {
	first []string
	total int
}

// Faults returns the first limit things that keep prompts from being served as their files say, in order of files, each as
// file:line:column: message with the file's path in the folder, and how many there are. It waits for nothing.
func (f *Folder) Faults(limit int) (first []string, total int) {
	known := f.faults.Load()
	if known == nil {
		return nil, 0
	}
	return known.first[:min(len(known.first), max(0, limit))], known.total
}

// keepFaults keeps sorted problems for callers, without those of prompts that are served all the same: what only server-side
// apply refuses is for the log, and for lectern validate.
func (f *Folder) keepFaults(problems []manifest.Problem) {
	known := &faultList{}
	var before manifest.Problem
	for _, p := range problems {
		if p.Warning || p.ServerSide || p == before {
			continue
		}
		before = p
		if known.total++; len(known.first) < maxFaults {
			known.first = append(known.first, excerpt.TruncateBytes(strings.ReplaceAll(p.String(), f.root+string(filepath.Separator), ""), maxFaultBytes))
		}
	}
	f.faults.Store(known)
}
