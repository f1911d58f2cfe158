package manifest

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/store"
)

// Set is what files say together.
type Set struct {
	// Manifests are the Prompts an API server would take, in order of files; of two with one key only the first. Connections
	// are the SDPConnections it would.
	Manifests   []*Manifest
	Connections []*ConnectionManifest
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

// IsInvalid says whether a Prompt of a key is there and is not one of Manifests because it is invalid.
func (s Set) IsInvalid(key store.Key) bool { return s.invalid[key] }

// Read reads files and validates every manifest in them by itself, and that no key is there twice. What
// manifests include is for Set.CompileAll to check.
func (r *Reader) Read(files ...File) Set {
	set := Set{InvalidDocuments: map[Fingerprint]bool{}, invalid: map[store.Key]bool{}}
	read := setReading{Reader: r, set: &set, first: map[kindKey]Place{}}
	unmade := 0
	for _, file := range files {
		p := parseFile(file.Name, file.Content, min(maxFileProblems, maxSetProblems-len(set.Problems)))
		read.addFile(p)
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

// kindKey identifies an object among those of all kinds.
type kindKey struct {
	kind string
	store.Key
}

// setReading is the reading of a set under way.
type setReading struct {
	*Reader
	set   *Set
	first map[kindKey]Place // where a key was met first
}

// addFile takes what is valid of a file into the set.
func (r *setReading) addFile(p *parsedFile) {
	tagged := map[*Document]bool{}
	for _, m := range p.manifests {
		switch valid, again := r.validateOnce(p, &m.Source, tagged); {
		case again:
		case valid:
			r.set.Manifests = append(r.set.Manifests, m)
		default:
			r.set.invalid[m.Key()] = true
		}
	}
	for _, m := range p.connections {
		if valid, again := r.validateOnce(p, &m.Source, tagged); valid && !again {
			r.set.Connections = append(r.set.Connections, m)
		}
	}
}

// validateOnce says whether an object is valid, and whether its key was met before, which makes it count for nothing.
func (r *setReading) validateOnce(p *parsedFile, s *Source, tagged map[*Document]bool) (valid, again bool) {
	before := p.problems.refusals()
	r.schemas[s.kind].validateSource(s, &p.problems)
	if !tagged[s.Document] {
		tagged[s.Document] = true
		s.reportTagsAndAnchors(&p.problems)
	}
	if p.problems.refusals() > before {
		p.refused[s.Document] = true
	}
	key := kindKey{kind: s.kind, Key: s.key}
	if place, twice := r.first[key]; twice {
		p.refuse(s.Document, Problem{Place: s.Place, Message: fmt.Sprintf("%s %s is here a second time; the first is at %s; remove or rename one", kindNoun(s.kind), key.Key, place)})
		return false, true
	}
	if key.Name != "" {
		r.first[key] = s.Place
	}
	return p.problems.refusals() == before && !p.refused[s.Document], false
}

// kindNoun is what messages call an object of a kind.
func kindNoun(kind string) string {
	if kind == v1alpha1.SDPConnectionKind {
		return "connection"
	}
	return "prompt"
}
