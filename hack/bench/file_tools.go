package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// fileCall holds the arguments of all eight tools.
type fileCall struct {
	ID         string            `json:"id"`
	Version    int               `json:"version"`
	Variables  map[string]string `json:"variables"`
	Query      string            `json:"query"`
	Category   string            `json:"category"`
	IsTemplate *bool             `json:"isTemplate"`
	Tags       []string          `json:"tags"`
	Limit      int               `json:"limit"`
	Offset     int               `json:"offset"`
}

// handler serves the eight tools over HTTP: JSON in, JSON out, and nothing of the protocol beside.
func (s *fileStore) handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request struct {
			ID     json.RawMessage `json:"id"`
			Params struct {
				Name      string          `json:"name"`
				Arguments json.RawMessage `json:"arguments"`
			} `json:"params"`
		}
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		text, err := s.call(request.Params.Name, request.Params.Arguments)
		if err != nil {
			text = err.Error()
		}
		result := map[string]any{"content": []any{map[string]any{"type": "text", "text": text}}}
		if err != nil {
			result["isError"] = true
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"jsonrpc": "2.0", "id": request.ID, "result": result}) // a client that went away needs no answer
	})
}

// call runs a tool under the lock and returns its text.
func (s *fileStore) call(tool string, arguments json.RawMessage) (string, error) {
	var in fileCall
	if err := json.Unmarshal(arguments, &in); err != nil {
		return "", err
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	switch tool {
	case "add_prompt":
		var p filePrompt
		if err := json.Unmarshal(arguments, &p); err != nil {
			return "", err
		}
		p, err := s.add(p)
		return fmt.Sprintf("Created prompt %q with ID: %s", p.Name, p.ID), err
	case "get_prompt":
		p, err := s.load(in.ID, in.Version)
		return indentJSON(p, err)
	case "update_prompt":
		p, err := s.update(in.ID, arguments)
		return fmt.Sprintf("Updated prompt %q (version %d)", p.Name, p.Version), err
	case "delete_prompt":
		return "Deleted prompt with ID: " + in.ID, s.remove(in.ID)
	case "apply_template":
		p, err := s.load(in.ID, in.Version)
		if err != nil {
			return "", err
		}
		return p.render(in.Variables)
	case "list_prompts", "search_prompts":
		found, err := s.find(in)
		return indentJSON(found, err)
	case "get_stats":
		return s.countPrompts()
	}
	return "", errors.New("unknown tool " + tool)
}

func (s *fileStore) find(in fileCall) ([]filePrompt, error) {
	all, err := s.loadAll()
	all = slices.DeleteFunc(all, func(p filePrompt) bool {
		tagged := len(in.Tags) == 0 || slices.ContainsFunc(p.Tags, func(tag string) bool { return slices.Contains(in.Tags, tag) })
		return in.Category != "" && p.Category != in.Category || in.IsTemplate != nil && p.IsTemplate != *in.IsTemplate ||
			!tagged || in.Query != "" && !p.contains(in.Query)
	})
	all = all[min(len(all), in.Offset):]
	if in.Limit > 0 {
		all = all[:min(len(all), in.Limit)]
	}
	return all, err
}

func (s *fileStore) countPrompts() (string, error) {
	all, err := s.loadAll()
	counts := struct {
		Total      int            `json:"total"`
		Templates  int            `json:"templates"`
		Regular    int            `json:"regular"`
		Categories map[string]int `json:"categories"`
		Tags       map[string]int `json:"tags"`
	}{Total: len(all), Categories: map[string]int{}, Tags: map[string]int{}}
	for _, p := range all {
		if p.IsTemplate {
			counts.Templates++
		}
		if p.Category != "" {
			counts.Categories[p.Category]++
		}
		for _, tag := range p.Tags {
			counts.Tags[tag]++
		}
	}
	counts.Regular = counts.Total - counts.Templates
	return indentJSON(counts, err)
}

func indentJSON(v any, err error) (string, error) {
	if err != nil {
		return "", err
	}
	text, err := json.MarshalIndent(v, "", "  ")
	return string(text), err
}
