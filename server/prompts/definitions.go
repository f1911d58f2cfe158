package prompts

import (
	"context"

	"github.com/lectern-dev/lectern/server/tool"
)

// target is the argument that names a prompt. How ids are written is said once, by get_prompt.
type target struct {
	ID string `json:"id" description:"Id of the prompt, as lists give it"`
}

func (t target) promptID() string { return t.ID }

// selection names the version where the id does not.
type selection struct {
	Version *int64  `json:"version,omitempty" description:"This version instead of the default one"`
	Channel *string `json:"channel,omitempty" description:"The version in this channel, such as production or latest"`
}

// repeatable is the argument of tools that ask for a change.
type repeatable struct {
	IdempotencyKey *string `json:"idempotencyKey,omitempty" description:"Repeats with the same key are one request"`
}

// offeredTools returns the tools that can work: all need a library, those that write also Changes.
func (s *Service) offeredTools() []tool.Tool {
	var offered []tool.Tool
	if s.library != nil {
		offered = append(offered, s.listTools()...)
		offered = append(offered, s.readTools()...)
	}
	if s.library != nil && s.changes != nil {
		offered = append(offered, s.changeTools()...)
	}
	return offered
}

// ToolNames returns the names of the tools this service offers.
func (s *Service) ToolNames() []string {
	var names []string
	for _, t := range s.offeredTools() {
		names = append(names, t.Name)
	}
	return names
}

// newTool makes a tool with the timeout and the errors of prompts. None here reaches anything but prompts.
func newTool[In, Out any](s *Service, d tool.Definition, answer func(context.Context, In) (*tool.Result[Out], error)) tool.Tool {
	return tool.New(tool.Policy{Bound: s.withQueryTimeout, Explain: s.explainError}, d, answer)
}

var (
	readOnly = tool.Hints{ReadOnly: true, Idempotent: true}
	replaces = tool.Hints{Destructive: true, Idempotent: true}
)

func (s *Service) listTools() []tool.Tool {
	return []tool.Tool{
		newTool(s, tool.Definition{
			Name: "list_prompts", Title: "List Prompts", ErrorPrefix: "Error listing prompts", Hints: readOnly,
			Description: "List prompts, oldest first. To find one by what it says use search_prompts.",
		}, s.listPrompts),
		newTool(s, tool.Definition{
			Name: "search_prompts", Title: "Search Prompts", ErrorPrefix: "Error searching prompts", Hints: readOnly,
			Description: "Search names, descriptions, tags and texts of prompts, the best hits first.",
		}, s.searchPrompts),
		newTool(s, tool.Definition{
			Name: "find_similar_prompts", Title: "Find Similar Prompts", ErrorPrefix: "Error finding similar prompts", Hints: readOnly,
			Description: "Find prompts whose text is nearly the same as a prompt's or as a text. Use it before add_prompt.",
		}, s.findSimilar),
		newTool(s, tool.Definition{
			Name: "get_stats", Title: "Get Statistics", ErrorPrefix: "Error getting statistics", Hints: readOnly,
			Description: "Count prompts, by kind, category and tag.",
		}, s.getStats),
	}
}

func (s *Service) readTools() []tool.Tool {
	return []tool.Tool{
		newTool(s, tool.Definition{
			Name: "get_prompt", Title: "Get Prompt", ErrorPrefix: "Error retrieving prompt", Hints: readOnly,
			Description: "Get a prompt as it was written. To fill a template in use apply_template.",
		}, s.getPrompt),
		newTool(s, tool.Definition{
			Name: "apply_template", Title: "Apply Template", ErrorPrefix: "Error applying template", Hints: readOnly,
			Description: "Fill the variables of a template in and return the text.",
		}, s.applyTemplate),
		newTool(s, tool.Definition{
			Name: "list_prompt_versions", Title: "List Prompt Versions", ErrorPrefix: "Error listing prompt versions", Hints: readOnly,
			Description: "List the versions of a prompt, newest first: who made them when, and which channels point to them.",
		}, s.listVersions),
		newTool(s, tool.Definition{
			Name: "diff_prompt_versions", Title: "Diff Prompt Versions", ErrorPrefix: "Error comparing prompt versions", Hints: readOnly,
			Description: "Compare two versions of a prompt: the fields that differ, and a unified diff of the text.",
		}, s.diffVersions),
	}
}

func (s *Service) changeTools() []tool.Tool {
	return []tool.Tool{
		newTool(s, tool.Definition{
			Name: "add_prompt", Title: "Add Prompt", ErrorPrefix: "Error creating prompt",
			Description: "Create a prompt or a template.",
		}, s.addPrompt),
		newTool(s, tool.Definition{
			Name: "update_prompt", Title: "Update Prompt", ErrorPrefix: "Error updating prompt", Hints: replaces,
			Description: "Change a prompt. Omitted fields stay unchanged; older versions stay readable.",
		}, s.updatePrompt),
		newTool(s, tool.Definition{
			Name: "delete_prompt", Title: "Delete Prompt", ErrorPrefix: "Error deleting prompt", Hints: replaces,
			Description: "Delete a prompt, or one version of it for good.",
		}, s.deletePrompt),
		newTool(s, tool.Definition{
			Name: "set_prompt_channel", Title: "Set Prompt Channel", ErrorPrefix: "Error setting prompt channel", Hints: replaces,
			Description: "Point a channel of a prompt to a version. Callers who name no version get channel production once it exists.",
		}, s.setChannel),
		newTool(s, tool.Definition{
			Name: "get_prompt_change", Title: "Get Prompt Change", ErrorPrefix: "Error retrieving prompt change", Hints: readOnly,
			Description: "Ask what became of a change that was accepted but not applied yet.",
		}, s.getChange),
	}
}
