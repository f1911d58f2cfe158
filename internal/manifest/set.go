package manifest

import (
	"bytes"
	"crypto/sha256"
	"fmt"

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
	unmade := 0
	for _, file := range files {
		p := parseFile(file.Name, file.Content, min(maxFileProblems, maxSetProblems-len(set.Problems)))
		r.readManifests(&set, p, first)
		for d := range p.refused {
			set.InvalidDocuments[fingerprintOf(d.Text)] = true
		}
		set.Problems = append(set.Problems, p.problems.list(file.Name)...)
		set.Foreign = append(set.Foreign, p.foreign[:min(len(p.foreign), maxFileProblems, maxSetProblems-min(len(set.Foreign), maxSetProblems))]...)
		if len(p.problems.made) == 0 {
			unmade += p.problems.unmade
		}
	}
	SortProblems(set.Problems)
	if unmade > 0 {
		last := set.Problems[len(set.Problems)-1].Place
		set.Problems = append(set.Problems, Problem{Place: last, Message: fmt.Sprintf("%d more problems in further files; mend these first", unmade), rest: true})
	}
	return set
}

// readManifests takes what is valid of a file into the set.
func (r *Reader) readManifests(set *Set, p *parsedFile, first map[store.Key]Place) {
	tagged := map[*Document]bool{}
	for _, m := range p.manifests {
		before := p.problems.refusals()
		r.validateManifest(m, &p.problems)
		if !tagged[m.Document] {
			tagged[m.Document] = true
			m.reportTagsAndAnchors(&p.problems)
		}
		if p.problems.refusals() > before {
			p.refused[m.Document] = true
		}
		key := m.Key()
		if place, twice := first[key]; twice {
			p.refuse(m.Document, Problem{Place: m.Place, Message: fmt.Sprintf("prompt %s is here a second time; the first is at %s; remove or rename one", key, place)})
			continue
		}
		if key.Name != "" {
			first[key] = m.Place
		}
		if p.problems.refusals() == before && !p.refused[m.Document] {
			set.Manifests = append(set.Manifests, m)
		} else {
			set.invalid[key] = true
		}
	}
}
