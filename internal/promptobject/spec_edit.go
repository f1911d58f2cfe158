package promptobject

import (
	"encoding/json"
	"fmt"
	"slices"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// EditError says why an edit does not fit the manifest it is for.
type EditError struct {
	Problem string
}

func (e *EditError) Error() string { return e.Problem }

// ApplyEdit returns the spec with the edit in it. The spec given stays as it is. Whether the result is valid is for
// Compile to say. The error is an *EditError.
func ApplyEdit(spec v1alpha1.PromptSpec, edit store.Edit) (v1alpha1.PromptSpec, error) {
	after := *spec.DeepCopy()
	for _, field := range []struct {
		of    *string
		value *string
	}{{&after.Title, edit.Title}, {&after.Description, edit.Description}, {&after.Category, edit.Category}} {
		if field.value != nil {
			*field.of = *field.value
		}
	}
	if edit.Tags != nil {
		after.Tags = slices.Clone(*edit.Tags)
	}
	if len(edit.Metadata) > 0 {
		after.Metadata = &runtime.RawExtension{Raw: edit.Metadata}
	}
	if edit.IsTemplate != nil {
		setTemplate(&after, *edit.IsTemplate)
	}
	if edit.Content != nil {
		if err := setText(&after, *edit.Content); err != nil {
			return v1alpha1.PromptSpec{}, err
		}
	}
	if edit.Channel != nil {
		setChannel(&after, *edit.Channel)
	}
	if edit.Withdraw != 0 && !slices.Contains(after.WithdrawnVersions, edit.Withdraw) {
		after.WithdrawnVersions = append(after.WithdrawnVersions, edit.Withdraw)
	}
	return after, nil
}

// SatisfiesEdit reports whether a spec says already all that an edit asks.
func SatisfiesEdit(spec v1alpha1.PromptSpec, edit store.Edit) bool {
	after, err := ApplyEdit(spec, edit)
	if err != nil {
		return false
	}
	patch, err := MergePatch(spec, after)
	return err == nil && string(patch) == "{}"
}

// SpecFromEdit returns the spec of a prompt that did not exist: without isTemplate it has no placeholders.
func SpecFromEdit(edit store.Edit) (v1alpha1.PromptSpec, error) {
	return ApplyEdit(v1alpha1.PromptSpec{Syntax: v1alpha1.SyntaxPlain}, edit)
}

// EditedSpec returns the spec that an addition, or an update of what is there, is to leave. A deletion leaves none, and of
// what is not there nothing is edited.
func EditedSpec(before *v1alpha1.PromptSpec, request store.ChangeRequest) (v1alpha1.PromptSpec, error) {
	switch {
	case request.Action == store.ActionAdd:
		return SpecFromEdit(request.Edit)
	case request.Action == store.ActionUpdate && before != nil:
		return ApplyEdit(*before, request.Edit)
	default:
		return v1alpha1.PromptSpec{}, nil
	}
}

// setTemplate keeps the syntax of what is a template already. What is none takes no arguments.
func setTemplate(spec *v1alpha1.PromptSpec, template bool) {
	switch {
	case !template:
		spec.Syntax, spec.Arguments = v1alpha1.SyntaxPlain, nil
	case spec.Syntax == v1alpha1.SyntaxPlain:
		spec.Syntax = v1alpha1.SyntaxSimple
	}
}

// setText puts a text where the manifest has its own: a conversation has no one place for it.
func setText(spec *v1alpha1.PromptSpec, text string) error {
	switch {
	case len(spec.Messages) > 1:
		return &EditError{Problem: fmt.Sprintf("the prompt has %d messages, and content is one text; change them in the manifest", len(spec.Messages))}
	case len(spec.Messages) == 1:
		spec.Messages[0].Text = text
	default:
		spec.Text = text
	}
	return nil
}

func setChannel(spec *v1alpha1.PromptSpec, edit store.ChannelEdit) {
	at := slices.IndexFunc(spec.Channels, func(c v1alpha1.Channel) bool { return c.Name == edit.Name })
	if edit.Remove {
		if at >= 0 {
			spec.Channels = slices.Delete(spec.Channels, at, at+1)
		}
		return
	}
	channel := v1alpha1.Channel{Name: edit.Name}
	if edit.Version != 0 {
		channel.Version = &edit.Version
	}
	if at >= 0 {
		spec.Channels[at] = channel
	} else {
		spec.Channels = append(spec.Channels, channel)
	}
}

// SpecFromDocument returns a spec that compiles to the document: what was written, as far as a Document tells. Arguments
// that are just what the placeholders make by themselves are taken as not declared.
func SpecFromDocument(doc *prompt.Document) v1alpha1.PromptSpec {
	spec := v1alpha1.PromptSpec{
		Title: doc.Title, Description: doc.Description, Category: doc.Category,
		Tags: slices.Clone(doc.Tags), Syntax: v1alpha1.Syntax(doc.Syntax),
	}
	if len(doc.Metadata) > 0 {
		spec.Metadata = &runtime.RawExtension{Raw: slices.Clone(doc.Metadata)}
	}
	if written := doc.AsWritten(); len(written) == 1 && written[0].Role == prompt.User {
		spec.Text = written[0].Text
	} else {
		for _, m := range written {
			spec.Messages = append(spec.Messages, v1alpha1.Message{Role: v1alpha1.Role(m.Role), Text: m.Text})
		}
	}
	if doc.ArgumentsDeclared() {
		for _, a := range doc.Arguments {
			spec.Arguments = append(spec.Arguments, v1alpha1.Argument{
				Name: a.Name, Description: a.Description, Type: v1alpha1.ArgumentType(a.Type),
				Enum: slices.Clone(a.Enum), Default: a.Default, Required: requiredField(a),
			})
		}
	}
	return spec
}

// requiredField returns what an author has to say for the argument to come out as it did.
func requiredField(a prompt.Argument) *bool {
	if a.Required || a.Default != nil {
		return nil
	}
	return new(bool)
}

// MergePatch returns the JSON merge patch (RFC 7386) that makes the one spec the other, of the whole object:
// {"spec": …}. It is {} when they are equal.
func MergePatch(before, after v1alpha1.PromptSpec) ([]byte, error) {
	type object struct {
		Spec v1alpha1.PromptSpec `json:"spec"`
	}
	was, err := json.Marshal(object{before})
	if err != nil {
		return nil, fmt.Errorf("write the spec as JSON: %w", err)
	}
	is, err := json.Marshal(object{after})
	if err != nil {
		return nil, fmt.Errorf("write the edited spec as JSON: %w", err)
	}
	patch, err := jsonpatch.CreateMergePatch(was, is)
	if err != nil {
		return nil, fmt.Errorf("compare the specs: %w", err)
	}
	return patch, nil
}

// ProposedPatch returns the same patch as YAML, for a person to carry out.
func ProposedPatch(before, after v1alpha1.PromptSpec) (string, error) {
	patch, err := MergePatch(before, after)
	if err != nil {
		return "", err
	}
	text, err := yaml.JSONToYAML(patch)
	if err != nil {
		return "", fmt.Errorf("write the patch as YAML: %w", err)
	}
	return string(text), nil
}
