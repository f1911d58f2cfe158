package promptobject

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

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

// ApplyEdit returns the spec of the prompt of that name with the edit in it. The spec given stays as it is. Whether the
// result is valid is for Compile to say. The error is an *EditError.
//
// A value that says what tools show of the spec already changes nothing: agents read a prompt, change one thing and write all
// of it back. So the white space around a text stays what it was, as do the order of tags and the way metadata is written,
// and a prompt without a title that is given its own name gets none.
func ApplyEdit(name string, spec v1alpha1.PromptSpec, edit store.Edit) (v1alpha1.PromptSpec, error) {
	after := *spec.DeepCopy()
	if edit.Title != nil && (spec.Title != "" || strings.TrimSpace(*edit.Title) != name) {
		after.Title = replaceText(spec.Title, *edit.Title)
	}
	if edit.Description != nil {
		after.Description = replaceText(spec.Description, *edit.Description)
	}
	if edit.Category != nil {
		after.Category = replaceText(spec.Category, *edit.Category)
	}
	if edit.Tags != nil && !sameElements(spec.Tags, *edit.Tags) {
		after.Tags = slices.Clone(*edit.Tags)
	}
	if len(edit.Metadata) > 0 && !sameMetadata(spec.Metadata, edit.Metadata) {
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

// replaceText returns a new text with the white space that was around the old one; nothing for a blank one.
func replaceText(old, text string) string {
	text = strings.TrimSpace(text)
	within := strings.TrimSpace(old)
	if text == "" || within == "" {
		return text
	}
	before, after, _ := strings.Cut(old, within)
	return before + text + after
}

func sameElements(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// sameMetadata reports whether two objects are equal however they are written. What cannot be read is another one.
func sameMetadata(old *runtime.RawExtension, metadata json.RawMessage) bool {
	if old == nil {
		return false
	}
	was, err := prompt.CanonicalMetadata(old.Raw)
	if err != nil {
		return false
	}
	is, err := prompt.CanonicalMetadata(metadata)
	return err == nil && bytes.Equal(was, is)
}

// SatisfiesEdit reports whether an object says already all that an edit asks.
func SatisfiesEdit(p *v1alpha1.Prompt, edit store.Edit) bool {
	after, err := ApplyEdit(p.Name, p.Spec, edit)
	if err != nil {
		return false
	}
	patch, err := MergePatch(p.Spec, after)
	return err == nil && string(patch) == "{}"
}

// SpecFromEdit returns the spec of a prompt that did not exist: without isTemplate it has no placeholders.
func SpecFromEdit(edit store.Edit) (v1alpha1.PromptSpec, error) {
	return ApplyEdit("", v1alpha1.PromptSpec{Syntax: v1alpha1.SyntaxPlain}, edit)
}

// EditedSpec returns the spec that an addition, or an update of what is there, is to leave. A deletion leaves none, and of
// what is not there nothing is edited.
func EditedSpec(before *v1alpha1.PromptSpec, request store.ChangeRequest) (v1alpha1.PromptSpec, error) {
	switch {
	case request.Action == store.ActionAdd:
		return SpecFromEdit(request.Edit)
	case request.Action == store.ActionUpdate && before != nil:
		return ApplyEdit(request.Key.Name, *before, request.Edit)
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

// setText puts a text where the manifest has its own. A conversation has no one place for it, so it takes only what it says.
func setText(spec *v1alpha1.PromptSpec, text string) error {
	switch {
	case len(spec.Messages) > 1:
		if strings.TrimSpace(text) == strings.TrimSpace(prompt.JoinTexts(SpecOf(spec).Messages)) {
			return nil
		}
		return &EditError{Problem: fmt.Sprintf("the prompt has %d messages, and content is one text; change them in the manifest", len(spec.Messages))}
	case len(spec.Messages) == 1:
		spec.Messages[0].Text = replaceText(spec.Messages[0].Text, text)
	default:
		spec.Text = replaceText(spec.Text, text)
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
