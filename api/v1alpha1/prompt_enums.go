package v1alpha1

// Syntax is how the text of a prompt is read. An empty one means SyntaxMustache.
type Syntax string

// The syntaxes.
const (
	// SyntaxMustache has variables, sections, inverted sections, comments and includes.
	SyntaxMustache Syntax = "Mustache"
	// SyntaxSimple replaces exactly {{name}}; all else is literal.
	SyntaxSimple Syntax = "Simple"
	// SyntaxPlain has no placeholders, and so no arguments.
	SyntaxPlain Syntax = "Plain"
)

// Exposure is who finds a prompt. An empty one means ExposureListed.
type Exposure string

// The exposures.
const (
	// ExposureListed is in MCP's prompts/list and in searches.
	ExposureListed Exposure = "Listed"
	// ExposureUnlisted is served to whoever knows the name, and in no list.
	ExposureUnlisted Exposure = "Unlisted"
	// ExposureFragment is for includes only: MCP's prompts/get does not serve it.
	ExposureFragment Exposure = "Fragment"
)

// DeletionPolicy is what deleting the object does to the versions in the database. An empty one means
// DeletionPolicyDelete.
type DeletionPolicy string

// The deletion policies.
const (
	// DeletionPolicyDelete erases the versions after 30 days.
	DeletionPolicyDelete DeletionPolicy = "Delete"
	// DeletionPolicyRetain keeps them for an object of the same name to adopt.
	DeletionPolicyRetain DeletionPolicy = "Retain"
)

// ArgumentType is what the values of an argument must look like; MCP sends them as strings, whatever their type.
// An empty one means ArgumentTypeString.
type ArgumentType string

// The types of arguments.
const (
	// ArgumentTypeString takes any text.
	ArgumentTypeString ArgumentType = "String"
	// ArgumentTypeInteger takes whole numbers: -?[0-9]+.
	ArgumentTypeInteger ArgumentType = "Integer"
	// ArgumentTypeNumber takes numbers as JSON writes them.
	ArgumentTypeNumber ArgumentType = "Number"
	// ArgumentTypeBoolean takes true and false.
	ArgumentTypeBoolean ArgumentType = "Boolean"
)

// Role is who says a message: the role of MCP's PromptMessage.
type Role string

// The roles that MCP knows in prompts.
const (
	// RoleUser is the person or program that uses the model.
	RoleUser Role = "user"
	// RoleAssistant is the model.
	RoleAssistant Role = "assistant"
)
