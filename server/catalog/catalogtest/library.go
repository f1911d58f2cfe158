package catalogtest

import (
	"testing"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// The prompts of NewLibrary.
var (
	HandoverKey = store.Key{Namespace: "support", Name: "incident-handover"}
	StyleKey    = store.Key{Namespace: "support", Name: "house-style"}
	DraftKey    = store.Key{Namespace: "support", Name: "draft-style"}
	GreetingKey = store.Key{Namespace: "it", Name: "greeting"}
	HiddenKey   = store.Key{Namespace: "support", Name: "hidden"}
)

// NewLibrary makes a database with a listed prompt of three versions, another one, an unlisted one and two
// fragments.
func NewLibrary(tb testing.TB) *Author {
	tb.Helper()
	author := NewAuthor(tb)
	exposed := func(e store.Exposure, channels ...store.ChannelRule) func(*store.Publication) {
		return func(p *store.Publication) { p.Exposure, p.Channels = e, channels }
	}
	author.Publish(StyleKey, Text("Be kind."), exposed(store.Fragment))
	author.Publish(DraftKey, Text("Be brief."), exposed(store.Fragment, store.ChannelRule{Name: store.Production, Version: 9}))
	brief := "brief"
	for i, text := range []string{"First for {{ticket}}.", "Second for {{ticket}}.", "Write a {{tone}} handover for {{ticket}} & <friends>.\n{{> house-style}}"} {
		spec := Text(text)
		spec.Title, spec.Description = "Incident handover", "Hand an incident over"
		spec.Arguments = []prompt.Declaration{
			{Name: "ticket", Description: "Ticket number"},
			{Name: "tone", Enum: []string{"brief", "detailed"}, Default: &brief},
		}
		author.Publish(HandoverKey, spec, exposed(store.Listed,
			store.ChannelRule{Name: "beta", Version: min(2, int64(i)+1)}, store.ChannelRule{Name: "stable", Version: 9}))
	}
	author.Publish(GreetingKey, Text("Hello."))
	author.Publish(HiddenKey, Text("Not for lists."), exposed(store.Unlisted))
	return author
}

// NewGreeting makes a source with one prompt, for tests that stop, break or count its reads.
func NewGreeting() *Source {
	source := New()
	source.Publish(GreetingKey, "Hello.")
	return source
}
