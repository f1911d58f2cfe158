package manifest

import (
	"fmt"
	"slices"

	"github.com/lectern-dev/lectern/internal/store"
)

// Set is what files say together.
type Set struct {
	// Manifests are those an API server would take, in order of files; of two with one key only the first.
	Manifests []*Manifest
	// Problems are sorted by place.
	Problems []Problem
	// Foreign are documents that cannot be read and look like nothing of Lectern's, such as templates of charts.
	Foreign []Problem

	faulty map[store.Key]bool
}

// Faulty says whether a manifest of a key is there and is not one of Manifests for its faults.
func (s Set) Faulty(key store.Key) bool { return s.faulty[key] }

// Read reads files and judges every manifest in them by itself, and that no key is there twice. What
// manifests include is for Set.Compile to judge.
func (r *Reader) Read(files ...File) Set {
	set := Set{faulty: map[store.Key]bool{}}
	first := map[store.Key]Place{}
	for _, file := range files {
		found, problems, foreign := manifests(file.Name, file.Content)
		marked := map[*document]bool{}
		for _, m := range found {
			said := r.judge(m)
			if !marked[m.document] {
				marked[m.document] = true
				said = append(said, m.marks()...)
			}
			problems = append(problems, said...)
			key := m.Key()
			sound := !slices.ContainsFunc(said, func(p Problem) bool { return !p.Warning })
			if before, twice := first[key]; twice {
				problems = append(problems, Problem{Place: m.Place, Message: fmt.Sprintf("prompt %s is here a second time; the first is at %s; remove or rename one", key, before)})
				continue
			}
			if key.Name != "" {
				first[key] = m.Place
			}
			if sound {
				set.Manifests = append(set.Manifests, m)
			} else {
				set.faulty[key] = true
			}
		}
		set.Problems = append(set.Problems, few(file.Name, once(problems))...)
		set.Foreign = append(set.Foreign, few(file.Name, foreign)...)
	}
	Sort(set.Problems)
	return set
}

// few keeps a file that is wrong all through from drowning the others.
func few(file string, problems []Problem) []Problem {
	const enough = 100
	if len(problems) <= enough {
		return problems
	}
	more := Problem{Place: problems[enough-1].Place, Message: fmt.Sprintf("%d more problems in %s; mend these first", len(problems)-enough, file)}
	return append(problems[:enough:enough], more)
}
