package prompts

// idMember is the argument most tools have. How ids are written is said once, by get_prompt.
var idMember = member{"id", ofText, true, "Id of the prompt, as lists give it", nil}

func optional(name string, s shape, description string, oneOf ...string) member {
	return member{name, s, false, description, oneOf}
}

func required(name string, s shape, description string) member {
	return member{name, s, true, description, nil}
}

// always and sometimes are fields of results; what they mean, their names say.
func always(name string, s shape) member { return member{name, s, true, "", nil} }

func sometimes(name string, s shape) member { return member{name, s, false, "", nil} }

// Members several tools share.
var (
	versionMember     = optional("version", ofWhole, "This version instead of the default one")
	channelMember     = optional("channel", ofText, "The version in this channel, such as production or latest")
	idempotencyMember = optional("idempotencyKey", ofText, "Makes a repeat of this call the same request")

	filterMembers = []member{
		optional("category", ofText, "Only this category"),
		optional("isTemplate", ofFlag, "Only templates, or with false only others"),
		optional("tags", ofTexts, "Only prompts with any of these tags"),
		optional("tagMatch", ofText, "all: with every one of the tags", "any", "all"),
		optional("metadata", ofObject, "Only prompts whose metadata contains this object"),
		optional("limit", ofWhole, "At most so many"),
		optional("offset", ofWhole, "Skip so many"),
		optional("cursor", ofText, "nextCursor of the call before"),
		optional("detail", ofText, "summary leaves out texts", "full", summary),
	}
	foundMembers = []member{always("prompts", ofRows), always("total", ofWhole), sometimes("nextCursor", ofText)}

	promptMembers = []member{
		always("name", ofText), always("content", ofText), sometimes("description", ofText), always("isTemplate", ofFlag),
		always("variables", ofTexts), always("tags", ofTexts), sometimes("category", ofText), sometimes("metadata", ofObject),
		always("id", ofText), always("createdAt", ofText), always("updatedAt", ofText), always("version", ofWhole),
		always("latestVersion", ofWhole), sometimes("channel", ofText), always("digest", ofText),
	}
	writtenMembers = []member{
		always("id", ofText), always("name", ofText), always("changeId", ofText), always("state", ofText),
		sometimes("version", ofWhole), sometimes("served", ofWhole), sometimes("changed", ofFlag),
	}
)

// tools are those there is a library, and for those that write a taker of changes for, in the order
// clients show them.
func (s *Surface) tools() []tool {
	var offered []tool
	if s.library != nil {
		offered = append(offered, s.findingTools()...)
		offered = append(offered, s.readingTools()...)
	}
	if s.library != nil && s.changes != nil {
		offered = append(offered, s.writingTools()...)
		offered = append(offered, s.channelTools()...)
	}
	return offered
}

func (s *Surface) findingTools() []tool {
	return []tool{
		{
			name: "list_prompts", title: "List Prompts", doing: "Error listing prompts", hints: reads,
			description: "List prompts, oldest first. To find one by what it says use search_prompts.",
			takes:       filterMembers, gives: foundMembers, answer: s.listPrompts,
		},
		{
			name: "search_prompts", title: "Search Prompts", doing: "Error searching prompts", hints: reads,
			description: "Search names, descriptions, tags and texts of prompts, the best hits first.",
			takes:       append([]member{required("query", ofText, "Words or a part of the text")}, filterMembers...),
			gives:       foundMembers, answer: s.searchPrompts,
		},
		{
			name: "find_similar_prompts", title: "Find Similar Prompts", doing: "Error finding similar prompts", hints: reads,
			description: "Find prompts whose text is nearly the same as a prompt's or as a text. Use it before add_prompt.",
			takes: []member{
				optional("id", ofText, "Compare with this prompt"),
				optional("text", ofText, "Or with this text"),
				optional("threshold", ofNumber, "Least similarity, up to 1; 0.8 when absent"),
				optional("limit", ofWhole, "At most so many; 10 when absent"),
			},
			gives: []member{always("prompts", ofRows)}, answer: s.similar,
		},
		{
			name: "get_stats", title: "Get Statistics", doing: "Error getting statistics", hints: reads,
			description: "Count prompts, by kind, category and tag.",
			gives: []member{
				always("total", ofWhole), always("templates", ofWhole), always("regular", ofWhole),
				always("categories", ofCounts), always("tags", ofCounts),
			},
			answer: s.stats,
		},
	}
}

func (s *Surface) readingTools() []tool {
	return []tool{
		{
			name: "get_prompt", title: "Get Prompt", doing: "Error retrieving prompt", hints: reads,
			description: "Get a prompt as it was written. To fill a template in use apply_template.",
			takes: []member{
				required("id", ofText, "Id of the prompt, as lists give it; @3 or @production behind it selects a version"),
				versionMember, channelMember,
			},
			gives: promptMembers, answer: s.getPrompt,
		},
		{
			name: "apply_template", title: "Apply Template", doing: "Error applying template", hints: reads,
			description: "Fill the variables of a template in and return the text.",
			takes: []member{
				idMember, required("variables", ofValues, "Values by name; get_prompt lists the names"), versionMember, channelMember,
			},
			gives: []member{
				always("text", ofText), always("version", ofWhole), always("latestVersion", ofWhole), sometimes("channel", ofText),
				always("digest", ofText), always("ignored", ofTexts),
			},
			answer: s.applyTemplate,
		},
		{
			name: "list_prompt_versions", title: "List Prompt Versions", doing: "Error listing prompt versions", hints: reads,
			description: "List the versions of a prompt, newest first: who made them when, and which channels point to them.",
			takes: []member{
				idMember, optional("limit", ofWhole, "At most so many; 50 when absent"),
				optional("cursor", ofText, "nextCursor of the call before"),
			},
			gives: []member{always("versions", ofRows), sometimes("nextCursor", ofText)}, answer: s.listVersions,
		},
		{
			name: "diff_prompt_versions", title: "Diff Prompt Versions", doing: "Error comparing prompt versions", hints: reads,
			description: "Compare two versions of a prompt: the fields that differ, and a unified diff of the text.",
			takes: []member{
				idMember, required("from", ofWhole, "Number of the one version"),
				optional("to", ofWhole, "Number of the other; the default version when absent"),
			},
			gives: []member{
				always("from", ofWhole), always("to", ofWhole), always("changed", ofTexts), always("diff", ofText), sometimes("omittedLines", ofWhole),
			},
			answer: s.diffVersions,
		},
	}
}
