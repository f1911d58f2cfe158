package prompts

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// shownPrompt is a prompt as the tools have shown it from the beginning: these keys, in this order.
// Variables and tags were always there, empty or not.
type shownPrompt struct {
	Name        string          `json:"name"`
	Content     string          `json:"content"`
	Description string          `json:"description,omitempty"`
	IsTemplate  bool            `json:"isTemplate"`
	Variables   []string        `json:"variables"`
	Tags        []string        `json:"tags"`
	Category    string          `json:"category,omitempty"`
	Metadata    json.RawMessage `json:"metadata,omitempty"`
	ID          string          `json:"id"`
	CreatedAt   string          `json:"createdAt"`
	UpdatedAt   string          `json:"updatedAt"`
	Version     int64           `json:"version"`
}

// shownSummary is a prompt without what makes it long.
type shownSummary struct {
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	IsTemplate  bool     `json:"isTemplate"`
	Tags        []string `json:"tags"`
	Category    string   `json:"category,omitempty"`
	ID          string   `json:"id"`
	UpdatedAt   string   `json:"updatedAt"`
	Version     int64    `json:"version"`
}

func showPrompt(bare string, r *store.PromptView) shownPrompt {
	d := &r.Document
	shown := shownPrompt{
		Name: titleOf(r), Content: prompt.Content(d.Written()), Description: d.Description,
		IsTemplate: isTemplate(d), Variables: make([]string, len(d.Arguments)), Tags: tagsOf(d),
		Category: d.Category, Metadata: d.Metadata, ID: idOf(bare, r.Key),
		CreatedAt: moment(r.CreatedAt), UpdatedAt: moment(r.PublishedAt), Version: r.Version,
	}
	for i, a := range d.Arguments {
		shown.Variables[i] = a.Name
	}
	return shown
}

func showSummary(bare string, r *store.PromptView) shownSummary {
	d := &r.Document
	return shownSummary{
		Name: titleOf(r), Description: d.Description, IsTemplate: isTemplate(d), Tags: tagsOf(d), Category: d.Category,
		ID: idOf(bare, r.Key), UpdatedAt: moment(r.PublishedAt), Version: r.Version,
	}
}

// titleOf is what tools call the name.
func titleOf(r *store.PromptView) string { return cmp.Or(r.Document.Title, r.Key.Name) }

func isTemplate(d *prompt.Document) bool { return d.Syntax != prompt.Plain }

func tagsOf(d *prompt.Document) []string {
	if d.Tags == nil {
		return []string{}
	}
	return d.Tags
}

// moment is a time as JavaScript writes one.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
