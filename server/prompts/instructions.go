package prompts

import (
	"context"
	"strings"

	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/transport"
)

// everyVerb is that of a caller who may do everything.
var everyVerb = verbSet{auth.Get: true, auth.List: true, auth.Create: true, auth.Patch: true, auth.Delete: true, auth.Promote: true}

// changesSomething reports whether any of the verbs changes prompts.
func (v verbSet) changesSomething() bool {
	return v[auth.Create] || v[auth.Patch] || v[auth.Delete] || v[auth.Promote]
}

// composeInstructions returns what the model that uses the server is told: one paragraph of what its caller may use, and of the tools
// that its client wants.
func (s *Service) composeInstructions(verbs verbSet, wanted transport.Narrowing) string {
	parts := []string{"Lectern serves the prompts of an organisation, kept as Kubernetes objects.", describeProtocol(verbs)}
	hasTools := s.library != nil && wanted.AdmitsToolset(Toolset)
	if hasTools {
		parts = append(parts, describeReading(verbs))
	}
	if hasTools && s.changes != nil && !wanted.ReadOnly {
		parts = append(parts, describeWriting(verbs))
	}
	var said []string
	for _, part := range parts {
		if part != "" {
			said = append(said, part)
		}
	}
	return strings.Join(said, " ")
}

func describeProtocol(verbs verbSet) string {
	const rendering = "prompts/get renders one, as `name` in its default version, " +
		"`name@3` in a version, `name@production` in a channel. The receipt in _meta says which version it was."
	switch {
	case verbs[auth.List] && verbs[auth.Get]:
		return "prompts/list shows them with their arguments; " + rendering
	case verbs[auth.List]:
		return "prompts/list shows them with their arguments."
	case verbs[auth.Get]:
		return rendering
	default:
		return "None of them is yours to read here; ask for the verbs get and list on prompts.lectern.dev."
	}
}

func describeReading(verbs verbSet) string {
	switch {
	case verbs[auth.List] && verbs[auth.Get]:
		return "The tools do the same and more: search_prompts finds a prompt by what it says, get_prompt shows it as written, " +
			"apply_template fills it in."
	case verbs[auth.List]:
		return "The tools do the same and more: search_prompts finds a prompt by what it says."
	case verbs[auth.Get]:
		return "The tools do the same and more: get_prompt shows a prompt as written, apply_template fills it in."
	default:
		return ""
	}
}

func describeWriting(verbs verbSet) string {
	if !verbs.changesSomething() {
		return ""
	}
	var making []string
	for _, one := range []struct {
		verb auth.Verb
		tool string
	}{{auth.Create, "add_prompt"}, {auth.Patch, "update_prompt"}} {
		if verbs[one.verb] {
			making = append(making, one.tool)
		}
	}
	var said string
	switch len(making) {
	case 2:
		said = "add_prompt and update_prompt make versions, which never change"
	case 1:
		said = making[0] + " makes versions, which never change"
	}
	switch {
	case verbs[auth.Promote] && said != "":
		said += "; set_prompt_channel decides which one others get. "
	case verbs[auth.Promote]:
		said = "set_prompt_channel decides which version others get. "
	case said != "":
		said += ". "
	default:
		said = "delete_prompt deletes a prompt. "
	}
	return said + "A change that takes long is accepted first; get_prompt_change says what became of it."
}

// InstructionsFor returns the instructions for the caller of a call. The error is a *transport.Failure.
func (f *ToolFilter) InstructionsFor(ctx context.Context, call *transport.Call) (string, error) {
	verbs, err := f.findVerbs(ctx, call)
	if err != nil {
		return "", err
	}
	return f.service.composeInstructions(verbs, call.Narrowing), nil
}
