package manifest

import (
	"bytes"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/lectern-dev/lectern/api/v1alpha1"
)

// parsedFile is what stands in a file, before any of it is validated.
type parsedFile struct {
	documents []*Document
	// manifests and connections are all Prompts and SDPConnections that were found, those in refused documents among them.
	manifests   []*Manifest
	connections []*ConnectionManifest
	problems    problemList
	// foreign are why documents of files that have nothing to do with Lectern cannot be read.
	foreign []Problem
	refused map[*Document]bool

	mentionsLectern bool
	// broken says that a document was met that cannot be read. Kubectl reads nothing of the file behind it, which is why the
	// file has a problem; what stands there is read all the same, since one bad document is to take down no other prompt.
	broken bool
}

// parseFile reads the documents of a file as kubectl does. Where a file holds something of Lectern's, kubectl must be able to
// read all of it: what it refuses may be the end of what stands before.
func parseFile(file string, content []byte, room int) *parsedFile {
	p := &parsedFile{problems: problemList{room: room}, refused: map[*Document]bool{}}
	text, as := DecodeText(content)
	var tooMuch *Problem
	if len(content) > MaxFile {
		tooMuch = &Problem{Place: Place{File: file}, Message: ErrTooLarge.Error()}
	} else {
		p.documents, tooMuch = SplitDocuments(file, text)
	}
	if tooMuch != nil {
		p.documents = []*Document{{File: file, Text: content}}
		p.refuse(p.documents[0], *tooMuch)
		return p
	}
	for _, d := range p.documents {
		p.mentionsLectern = p.mentionsLectern || d.mentionsLectern()
	}
	var before *Document
	for _, d := range p.documents {
		p.readDocument(d, before)
		if d.Root != nil {
			before = d
		}
	}
	if at := replacedCharacter(content, text, as); at >= 0 && p.mentionsLectern {
		p.problems.add(replacementWarning(file, text[:at]))
	}
	return p
}

// replacementWarning warns of bytes that are no characters, the first of which stands behind a text.
func replacementWarning(file string, before []byte) Problem {
	line := before[bytes.LastIndexByte(before, '\n')+1:]
	return Problem{
		Place:   Place{File: file, Line: 1 + bytes.Count(before, []byte("\n")), Column: 1 + len([]rune(string(line)))},
		Message: "the bytes here are no character, and kubectl reads U+FFFD in their place; save the file as UTF-8",
		Warning: true,
	}
}

// refuse reports a problem that keeps kubectl from taking a document.
func (p *parsedFile) refuse(d *Document, problem Problem) {
	p.refused[d] = true
	p.problems.add(problem)
}

// readDocument reads a document, and what it makes of the one before it.
func (p *parsedFile) readDocument(d, before *Document) {
	problem := d.Parse()
	switch {
	case problem != nil && p.broken && !d.mentionsLectern(): // most likely by what broke the one before
		p.refused[d] = true
	case problem != nil && !p.mentionsLectern:
		p.refused[d], p.broken = true, true
		p.foreign = append(p.foreign, problem.clipped())
	case problem != nil:
		p.broken = true
		if !d.mentionsLectern() {
			problem.Message += "; kubectl reads nothing of the file from here on"
		}
		p.refuseBehind(before, d, "which cannot be read", *problem)
	case d.Root == nil:
		p.warnOfIndentedComment(before, d)
	default:
		p.addObjects(d, before)
	}
}

// addObjects finds the objects of Lectern's in a document.
func (p *parsedFile) addObjects(d, before *Document) {
	all, problem := d.objects()
	if problem != nil && p.mentionsLectern && !p.broken {
		p.refuseBehind(before, d, "which is no object", *problem)
	}
	for _, o := range all {
		source, problem := o.asSource()
		switch {
		case problem != nil:
			p.refuse(d, *problem)
		case source == nil:
		case source.kind == v1alpha1.SDPConnectionKind:
			p.connections = append(p.connections, newConnectionManifest(*source))
		default:
			p.manifests = append(p.manifests, newManifest(*source))
		}
	}
}

// refuseBehind refuses a document. Where the one before ends in a text, the document is most likely the rest of it.
func (p *parsedFile) refuseBehind(before, d *Document, because string, problem Problem) {
	cut := p.cutManifest(before, d)
	if cut == nil {
		p.refuse(d, problem)
		return
	}
	p.refused[before] = true
	p.refuse(d, Problem{Place: separatorBefore(d), Message: fmt.Sprintf(
		"this --- ends prompt %s, and kubectl refuses what stands behind it, %s: %s; if it belongs to the text, indent the --- and the lines behind it as far as the lines of the text",
		cut.Key(), because, quoteFirstLine(d.Text))})
}

// warnOfIndentedComment warns of comments behind a text that are most likely the rest of it: kubectl passes over them.
func (p *parsedFile) warnOfIndentedComment(before, d *Document) {
	first := bytes.TrimLeft(d.Text, "\r\n")
	if cut := p.cutManifest(before, d); cut != nil && bytes.HasPrefix(first, []byte(" ")) && bytes.HasPrefix(bytes.TrimLeft(first, " "), []byte("#")) {
		p.problems.add(Problem{Place: separatorBefore(d), Warning: true, Message: fmt.Sprintf(
			"this --- ends prompt %s, and kubectl takes what stands behind it for a comment: %s; if it belongs to the text, indent the --- as far as the lines of the text",
			cut.Key(), quoteFirstLine(d.Text))})
	}
}

// cutManifest returns the manifest a document may be the rest of, or nil.
func (p *parsedFile) cutManifest(before, d *Document) *Manifest {
	if before == nil || len(p.manifests) == 0 || !before.separated || !before.endsInText(d.Text) {
		return nil
	}
	last := p.manifests[len(p.manifests)-1]
	if last.Document != before {
		return nil
	}
	return last
}

// separatorBefore is where the separator before a document stands.
func separatorBefore(d *Document) Place { return Place{File: d.File, Line: d.Line, Column: 1} }

// endsInText says whether the document ends in a text that more lines would belong to, were they further in: any that is a
// block, and one without quotes where such a line follows.
func (d *Document) endsInText(behind []byte) bool {
	n := d.Root
	for len(n.Content) > 0 {
		if n.Style&yaml.FlowStyle != 0 {
			return false
		}
		n = n.Content[len(n.Content)-1]
	}
	if n.Kind != yaml.ScalarNode || n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		return false
	}
	return n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 || n.ShortTag() == "!!str" && bytes.HasPrefix(bytes.TrimLeft(behind, "\r\n"), []byte(" "))
}

// quoteFirstLine quotes how a text begins.
func quoteFirstLine(text []byte) string {
	first, _, _ := strings.Cut(strings.TrimSpace(string(text[:min(len(text), 4*maxQuoted)])), "\n")
	return quoteShort(strings.TrimSpace(first))
}
