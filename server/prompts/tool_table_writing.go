package prompts

func (s *Surface) writingTools() []tool {
	return []tool{
		{
			name: "add_prompt", title: "Add Prompt", doing: "Error creating prompt",
			description: "Create a prompt or a template.",
			takes: []member{
				required("name", ofText, "Name of the prompt, at most 100 characters"),
				required("content", ofText, "Text of the prompt; in a template {{word}} is a variable"),
				optional("description", ofText, "What it is for"),
				optional("isTemplate", ofFlag, "Whether the text has variables; false when absent"),
				optional("tags", ofTexts, "Tags"),
				optional("category", ofText, "Category"),
				optional("metadata", ofObject, "Anything else"),
				optional("namespace", ofText, "Where to create it, when not in your own"),
				idempotencyMember,
			},
			gives: writtenMembers, answer: s.addPrompt,
		},
		{
			name: "update_prompt", title: "Update Prompt", doing: "Error updating prompt", hints: hints{destructive: true, idempotent: true},
			description: "Change a prompt. What is not given stays; older versions stay readable.",
			takes: []member{
				idMember,
				optional("name", ofText, "New name"),
				optional("content", ofText, "New text, whole"),
				optional("description", ofText, "New description"),
				optional("isTemplate", ofFlag, "Whether the text has variables"),
				optional("tags", ofTexts, "New tags, all of them"),
				optional("category", ofText, "New category"),
				optional("metadata", ofObject, "New metadata, whole"),
				optional("expectedVersion", ofWhole, "Refuse unless this is the newest version"),
				idempotencyMember,
			},
			gives: writtenMembers, answer: s.updatePrompt,
		},
		{
			name: "delete_prompt", title: "Delete Prompt", doing: "Error deleting prompt", hints: hints{destructive: true, idempotent: true},
			description: "Delete a prompt, or one version of it for good.",
			takes: []member{
				idMember, optional("version", ofWhole, "Delete only this version; its number is not used again"), idempotencyMember,
			},
			gives: writtenMembers, answer: s.deletePrompt,
		},
	}
}

func (s *Surface) channelTools() []tool {
	return []tool{
		{
			name: "set_prompt_channel", title: "Set Prompt Channel", doing: "Error setting prompt channel",
			hints:       hints{destructive: true, idempotent: true},
			description: "Point a channel of a prompt to a version. Callers who name no version get channel production once it exists.",
			takes: []member{
				idMember, required("channel", ofText, "Name of the channel, such as production"),
				optional("version", ofWholeOrNull, "Version to point to; absent: follow the newest; null: remove the channel"),
				optional("expectedVersion", ofWhole, "Refuse unless the channel points to this version"),
				idempotencyMember,
			},
			gives: []member{
				always("id", ofText), always("name", ofText), always("channel", ofText), always("changeId", ofText), always("state", ofText),
				sometimes("before", ofWholeOrNull), always("after", ofWholeOrNull),
			},
			answer: s.setChannel,
		},
		{
			name: "get_prompt_change", title: "Get Prompt Change", doing: "Error retrieving prompt change", hints: reads,
			description: "Ask what became of a change that was accepted but not applied yet.",
			takes:       []member{required("changeId", ofText, "Id of the change, as the call that asked for it gave it")},
			gives: []member{
				always("changeId", ofText), always("id", ofText), always("state", ofText),
				sometimes("version", ofWhole), sometimes("reason", ofText), sometimes("message", ofText),
			},
			answer: s.getChange,
		},
	}
}
