package main

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// fileStore keeps prompts as many servers do that people write for themselves: a folder a prompt, a file of JSON a
// version, one lock around all of it, and no memory of what was read.
type fileStore struct {
	folder string
	lock   sync.Mutex
}

// filePrompt is one version of a prompt.
type filePrompt struct {
	Name        string         `json:"name"`
	Content     string         `json:"content"`
	Description string         `json:"description,omitempty"`
	IsTemplate  bool           `json:"isTemplate"`
	Variables   []string       `json:"variables,omitempty"`
	Tags        []string       `json:"tags,omitempty"`
	Category    string         `json:"category,omitempty"`
	Metadata    map[string]any `json:"metadata,omitempty"`
	ID          string         `json:"id"`
	CreatedAt   time.Time      `json:"createdAt"`
	UpdatedAt   time.Time      `json:"updatedAt"`
	Version     int            `json:"version"`
}

var filePlaceholder = regexp.MustCompile(`\{\{([A-Za-z0-9_]+)\}\}`)

func (p *filePrompt) findVariables() {
	p.Variables = nil
	if !p.IsTemplate {
		return
	}
	for _, found := range filePlaceholder.FindAllStringSubmatch(p.Content, -1) {
		if !slices.Contains(p.Variables, found[1]) {
			p.Variables = append(p.Variables, found[1])
		}
	}
}

// save writes a version, as a file that is there or not.
func (s *fileStore) save(p filePrompt) error {
	dir := filepath.Join(s.folder, p.ID)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	file := filepath.Join(dir, fmt.Sprintf("%08d.json", p.Version))
	if err := os.WriteFile(file+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// load reads a version; the newest for 0.
func (s *fileStore) load(id string, version int) (p filePrompt, err error) {
	if id == "" || strings.ContainsAny(id, "/\\.") {
		return p, fmt.Errorf("no prompt %q", id)
	}
	file := fmt.Sprintf("%08d.json", version)
	if version == 0 {
		entries, err := os.ReadDir(filepath.Join(s.folder, id))
		if err != nil {
			return p, err
		}
		if len(entries) == 0 {
			return p, fmt.Errorf("no prompt %q", id)
		}
		file = entries[len(entries)-1].Name()
	}
	text, err := os.ReadFile(filepath.Join(s.folder, id, file))
	if err != nil {
		return p, err
	}
	return p, json.Unmarshal(text, &p)
}

// loadAll reads the newest version of all prompts, in order of birth.
func (s *fileStore) loadAll() ([]filePrompt, error) {
	entries, err := os.ReadDir(s.folder)
	if err != nil {
		return nil, err
	}
	all := make([]filePrompt, 0, len(entries))
	for _, entry := range entries {
		p, err := s.load(entry.Name(), 0)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b filePrompt) int { return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID)) })
	return all, nil
}

func (s *fileStore) add(p filePrompt) (filePrompt, error) {
	if p.Name == "" || p.Content == "" {
		return p, errors.New("name and content are required")
	}
	p.ID, p.Version = strings.ToLower(rand.Text()), 1
	p.CreatedAt = time.Now().UTC()
	p.UpdatedAt = p.CreatedAt
	p.findVariables()
	return p, s.save(p)
}

func (s *fileStore) update(id string, change json.RawMessage) (filePrompt, error) {
	p, err := s.load(id, 0)
	if err != nil {
		return p, err
	}
	kept := p
	if err := json.Unmarshal(change, &p); err != nil {
		return p, err
	}
	p.ID, p.CreatedAt, p.Version, p.UpdatedAt = kept.ID, kept.CreatedAt, kept.Version+1, time.Now().UTC()
	p.findVariables()
	return p, s.save(p)
}

func (s *fileStore) remove(id string) error {
	if _, err := s.load(id, 0); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(s.folder, id))
}

func (p *filePrompt) contains(query string) bool {
	query = strings.ToLower(query)
	for _, text := range append([]string{p.Name, p.Description, p.Content}, p.Tags...) {
		if strings.Contains(strings.ToLower(text), query) {
			return true
		}
	}
	return false
}

// render fills values in; a variable without one is an error.
func (p *filePrompt) render(values map[string]string) (string, error) {
	var missing error
	text := filePlaceholder.ReplaceAllStringFunc(p.Content, func(tag string) string {
		value, given := values[tag[2:len(tag)-2]]
		if !given {
			missing = fmt.Errorf("missing required variable: %s", tag)
		}
		return value
	})
	return text, missing
}
