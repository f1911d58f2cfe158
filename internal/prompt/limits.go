package prompt

// TextRemedy is what to do about texts that are too long together.
const TextRemedy = "move parts into prompts of their own and include them with {{> name}}, or split the prompt"

// What a prompt may hold. The schema of the custom resource states some of them too; they are
// repeated here because a laptop compiles without an API server.
const (
	MaxText        = 256 << 10 // bytes of all texts as written
	MaxExpanded    = 512 << 10 // bytes of all texts with includes expanded
	MaxRendered    = 1 << 20   // bytes of all texts with values filled in
	MaxMetadata    = 16 << 10  // bytes of the metadata in canonical form
	MaxValue       = 64 << 10  // bytes of one value
	MaxValues      = 256 << 10 // bytes of all values of one render
	MaxMessages    = 64
	MaxArguments   = 128
	MaxTags        = 32
	MaxEnum        = 64
	MaxTitle       = 100 // characters, also of a category and of a tag
	MaxDescription = 500
	MaxDefault     = 1024
	MaxEnumValue   = 256
	MaxName        = 64   // characters of an argument name
	MaxNesting     = 32   // sections inside sections
	MaxDepth       = 5    // includes inside includes
	MaxFragments   = 64   // different fragments in one prompt
	MaxIncludes    = 1000 // includes expanded in one prompt
	maxJSONNesting = 32   // objects and arrays inside metadata

	MaxVersion = 1<<53 - 1 // the largest number of a version: the last whole number that every reader of JSON keeps (RFC 7493)
)
