package manifest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"sort"

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
	// InvalidDocuments are the documents with a problem that is no warning, foreign ones among them.
	InvalidDocuments map[Fingerprint]bool

	invalid map[store.Key]bool
}

// Fingerprint is which text a document has, wherever it stands.
type Fingerprint [sha256.Size]byte

func fingerprintOf(text []byte) Fingerprint { return sha256.Sum256(bytes.TrimSpace(text)) }

// IsInvalid says whether a manifest of a key is there and is not one of Manifests because it is invalid.
func (s Set) IsInvalid(key store.Key) bool { return s.invalid[key] }

// Read reads files and validates every manifest in them by itself, and that no key is there twice. What
// manifests include is for Set.CompileAll to check.
func (r *Reader) Read(files ...File) Set {
	set := Set{InvalidDocuments: map[Fingerprint]bool{}, invalid: map[store.Key]bool{}}
	first := map[store.Key]Place{}
	for _, file := range files {
		found, problems, foreign := ParseManifests(file.Name, file.Content)
		marked := map[*Document]bool{}
		for _, m := range found {
			said := r.validateManifest(m)
			if !marked[m.Document] {
				marked[m.Document] = true
				said = append(said, m.tagAndAnchorProblems()...)
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
				set.invalid[key] = true
			}
		}
		set.markInvalid(file, slices.Concat(problems, foreign))
		set.Problems = append(set.Problems, capProblems(file.Name, dedupeProblems(problems))...)
		set.Foreign = append(set.Foreign, capProblems(file.Name, foreign)...)
	}
	SortProblems(set.Problems)
	return set
}

// markInvalid notes the documents of a file that problems are in.
func (s *Set) markInvalid(file File, problems []Problem) {
	all, refused := SplitDocuments(file.Name, file.Content)
	if refused != nil {
		all = []*Document{{Text: file.Content}}
	}
	blamed := map[*Document]bool{}
	for _, p := range problems {
		if !p.Warning {
			behind := sort.Search(len(all), func(i int) bool { return all[i].Line >= p.Line })
			blamed[all[max(behind-1, 0)]] = true
		}
	}
	for d := range blamed {
		s.InvalidDocuments[fingerprintOf(d.Text)] = true
	}
}

// capProblems keeps a file that is wrong all through from drowning the others.
func capProblems(file string, problems []Problem) []Problem {
	const enough = 100
	if len(problems) <= enough {
		return problems
	}
	more := Problem{Place: problems[enough-1].Place, Message: fmt.Sprintf("%d more problems in %s; mend these first", len(problems)-enough, file)}
	return append(problems[:enough:enough], more)
}
