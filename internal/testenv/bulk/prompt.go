package bulk

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// Namespaces is over how many namespaces the prompts of a set are spread.
const Namespaces = 10

// What a search finds: CommonWord is in the description of every fourth prompt, RareWord of PromptsPerRareWord prompts.
const (
	CommonWord         = "escalation"
	PromptsPerRareWord = 20
)

// RareWord returns a word that stands in the text of prompt i and of no more than PromptsPerRareWord others.
func RareWord(i int) string { return fmt.Sprintf("case%d", i/PromptsPerRareWord) }

// OwnWord returns a word that stands in the text of prompt i and of no other.
func OwnWord(i int) string { return fmt.Sprintf("matter%06d", i) }

// Set is a number of prompts.
type Set struct {
	Prompts int
	// Words is the mean length of a text, in words of six letters or so.
	Words int
}

// Key returns the key of prompt i. Within a namespace keys rise with i.
func (c Set) Key(i int) store.Key {
	return store.Key{Namespace: fmt.Sprintf("ns-%d", i%Namespaces), Name: fmt.Sprintf("prompt-%06d", i/Namespaces)}
}

// Title returns the title of prompt i.
func (c Set) Title(i int) string { return fmt.Sprintf("Prompt number %d", i) }

// Text returns what prompt i says for a ticket.
func (c Set) Text(i int, ticket string) string {
	return strings.ReplaceAll(c.templateText(i), "{{ticket}}", ticket)
}

// templateText returns a text in which few words are common and many are rare, as in any language, and which is
// between a third and five thirds of the mean long. The generator is seeded: the same prompt everywhere.
func (c Set) templateText(i int) string {
	random := rand.New(rand.NewPCG(1, uint64(i)))
	var text strings.Builder
	fmt.Fprintf(&text, "Prompt %d on {{ticket}}, %s, %s.", i, RareWord(i), OwnWord(i))
	for range c.Words/3 + random.IntN(c.Words*4/3+1) {
		text.WriteByte(' ')
		text.WriteString(vocabularyWord(int(math.Pow(random.Float64(), 3) * vocabulary)))
	}
	return text.String()
}

const vocabulary = 16 * 16 * 16

// vocabularyWord returns one word of the vocabulary: three syllables.
func vocabularyWord(n int) string {
	const syllables = "babedakefigohujalomenoparisutevo"
	syllable := func(n int) string { return syllables[n*2 : n*2+2] }
	return syllable(n%16) + syllable(n/16%16) + syllable(n/256)
}

// Object returns prompt i as an object that compiles to it.
func (c Set) Object(i int) v1alpha1.Prompt {
	spec, key := c.promptSpec(i), c.Key(i)
	p := v1alpha1.Prompt{Spec: v1alpha1.PromptSpec{
		Title: spec.Title, Description: spec.Description, Category: spec.Category, Tags: spec.Tags,
		Metadata: &runtime.RawExtension{Raw: spec.Metadata}, Syntax: v1alpha1.Syntax(spec.Syntax), Text: spec.Messages[0].Text,
	}}
	p.APIVersion, p.Kind, p.Namespace, p.Name = v1alpha1.GroupVersion.String(), "Prompt", key.Namespace, key.Name
	for _, a := range spec.Arguments {
		p.Spec.Arguments = append(p.Spec.Arguments, v1alpha1.Argument{Name: a.Name, Description: a.Description, Enum: a.Enum, Default: a.Default})
	}
	return p
}

func (c Set) promptSpec(i int) prompt.Spec {
	brief := "brief"
	spec := prompt.Spec{
		Syntax: prompt.Simple, Title: c.Title(i), Description: fmt.Sprintf("What prompt %d is for", i),
		Category: fmt.Sprintf("category-%d", i%7), Tags: []string{"handover", fmt.Sprintf("team-%d", i%50)},
		Metadata: []byte(`{"team":"service desk"}`),
		Arguments: []prompt.Declaration{
			{Name: "ticket", Description: "The ticket, as INC-4711"},
			{Name: "tone", Description: "How it is to sound", Enum: []string{"brief", "detailed"}, Default: &brief},
		},
		Messages: []prompt.Message{{Role: prompt.User, Text: c.templateText(i)}},
	}
	if i%4 == 0 {
		spec.Description += ", in an " + CommonWord
	}
	return spec
}
