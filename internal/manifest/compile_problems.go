package manifest

import (
	"errors"
	"fmt"

	"github.com/lectern-dev/lectern/internal/prompt"
)

// ProblemOf turns an error of the compiler into a problem where its cause stands in the file.
func (m *Manifest) ProblemOf(err error) Problem { return m.placeError(err).clipped() }

func (m *Manifest) placeError(err error) Problem {
	if spec, ok := errors.AsType[*prompt.SpecError](err); ok {
		at := Locate(m.Node, "spec."+spec.Field)
		if at.Missing != "" {
			at = m.locateText(0)
		}
		return m.Document.problemAt(at.reportedNode(), spec.Error())
	}
	if includes, ok := errors.AsType[*prompt.IncludeError](err); ok && includes.Where != nil {
		if includes.Fault == prompt.IncludeMissing {
			return m.problemInText(*includes.Where, missingMessage(includes.Refs))
		}
		return m.problemInText(*includes.Where, includes.Problem())
	}
	if template, ok := errors.AsType[*prompt.TemplateError](err); ok {
		return m.problemInText(template.Where, template.Problem)
	}
	if limit, ok := errors.AsType[*prompt.LimitError](err); ok && limit.Where != nil {
		return m.problemInText(*limit.Where, limit.Problem)
	}
	return m.Document.problemAt(m.locateText(0).reportedNode(), err.Error())
}

func missingMessage(refs []prompt.Ref) string {
	if len(refs) == 1 {
		return fmt.Sprintf("fragment %s is not among the files read; correct the include, or read the folder it is in, too", refs[0])
	}
	return fmt.Sprintf("fragments %s are not among the files read; correct the includes, or read the folders they are in, too", prompt.JoinRefs(refs))
}

// whereOf returns the place in a text an error of the compiler speaks of, or nil.
func whereOf(err error) *prompt.Where {
	if template, ok := errors.AsType[*prompt.TemplateError](err); ok {
		return &template.Where
	}
	if limit, ok := errors.AsType[*prompt.LimitError](err); ok {
		return limit.Where
	}
	if includes, ok := errors.AsType[*prompt.IncludeError](err); ok {
		return includes.Where
	}
	return nil
}
