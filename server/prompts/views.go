package prompts

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// promptJSON is a prompt as the tools have shown it from the beginning: these keys, in this order.
// Variables and tags were always there, empty or not.
type promptJSON struct {
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

// summaryJSON is a prompt without what makes it long.
type summaryJSON struct {
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	IsTemplate  bool     `json:"isTemplate"`
	Tags        []string `json:"tags"`
	Category    string   `json:"category,omitempty"`
	ID          string   `json:"id"`
	UpdatedAt   string   `json:"updatedAt"`
	Version     int64    `json:"version"`
}

func toPromptJSON(bare string, r *store.PromptView) promptJSON {
	d := &r.Document
	shown := promptJSON{
		Name: titleOrName(r), Content: prompt.JoinTexts(d.AsWritten()), Description: d.Description,
		IsTemplate: isTemplate(d), Variables: make([]string, len(d.Arguments)), Tags: nonNil(d.Tags),
		Category: d.Category, Metadata: d.Metadata, ID: formatID(bare, r.Key),
		CreatedAt: formatTime(r.CreatedAt), UpdatedAt: formatTime(r.PublishedAt), Version: r.Version,
	}
	for i, a := range d.Arguments {
		shown.Variables[i] = a.Name
	}
	return shown
}

func toSummaryJSON(bare string, r *store.PromptView) summaryJSON {
	d := &r.Document
	return summaryJSON{
		Name: titleOrName(r), Description: d.Description, IsTemplate: isTemplate(d), Tags: nonNil(d.Tags), Category: d.Category,
		ID: formatID(bare, r.Key), UpdatedAt: formatTime(r.PublishedAt), Version: r.Version,
	}
}

// titleOrName returns what tools call the name.
func titleOrName(r *store.PromptView) string { return cmp.Or(r.Document.Title, r.Key.Name) }

func isTemplate(d *prompt.Document) bool { return d.Syntax != prompt.Plain }

// nonNil returns a list that is [] in JSON when it is empty, and not null.
func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// formatTime writes a time as JavaScript does.
func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
