package v1alpha1

// Edition is which ServiceDesk Plus it is.
type Edition string

// The editions.
const (
	// EditionCloud is ServiceDesk Plus Cloud, which takes OAuth tokens.
	EditionCloud Edition = "Cloud"
	// EditionOnPremises is a server of one's own, which takes the API key of a technician.
	EditionOnPremises Edition = "OnPremises"
)

// DataCenter is one of Zoho's data centres.
type DataCenter string

// The data centres.
const (
	DataCenterUS DataCenter = "US"
	DataCenterEU DataCenter = "EU"
	DataCenterIN DataCenter = "IN"
	DataCenterCN DataCenter = "CN"
	DataCenterAU DataCenter = "AU"
	DataCenterJP DataCenter = "JP"
	DataCenterCA DataCenter = "CA"
	DataCenterUK DataCenter = "UK"
	DataCenterSA DataCenter = "SA"
)

// AccessMode is whether agents may write. An empty one means AccessModeReadOnly.
type AccessMode string

// The access modes.
const (
	// AccessModeReadOnly has no tool that writes.
	AccessModeReadOnly AccessMode = "ReadOnly"
	// AccessModeReadWrite has those, too.
	AccessModeReadWrite AccessMode = "ReadWrite"
)

// Toolset is a group of tools.
//
// +kubebuilder:validation:Enum=requests;lookups;projects;knowledge;people;problems-and-changes;assets;trash
type Toolset string

// The toolsets.
const (
	// ToolsetRequests reads and writes requests.
	ToolsetRequests Toolset = "requests"
	// ToolsetLookups reads the lists of priorities, categories, statuses and the like.
	ToolsetLookups Toolset = "lookups"
	// ToolsetProjects reads and writes projects, their milestones and tasks.
	ToolsetProjects Toolset = "projects"
	// ToolsetKnowledge reads solutions.
	ToolsetKnowledge Toolset = "knowledge"
	// ToolsetPeople finds requesters and technicians.
	ToolsetPeople Toolset = "people"
	// ToolsetProblemsAndChanges reads problems and changes, and creates problems.
	ToolsetProblemsAndChanges Toolset = "problems-and-changes"
	// ToolsetAssets reads assets.
	ToolsetAssets Toolset = "assets"
	// ToolsetTrash moves requests to the trash and back.
	ToolsetTrash Toolset = "trash"
)

// Confirmation is which writes have to be confirmed. An empty one means ConfirmationDestructive.
type Confirmation string

// The confirmations.
const (
	// ConfirmationNever lets every write through.
	ConfirmationNever Confirmation = "Never"
	// ConfirmationDestructive has closing, cancelling, bulk writes, the trash and what requesters see confirmed.
	ConfirmationDestructive Confirmation = "Destructive"
	// ConfirmationAlways has every write confirmed.
	ConfirmationAlways Confirmation = "Always"
)

// ConfirmationMeans is how a write is confirmed. An empty one means ConfirmationByPlan.
type ConfirmationMeans string

// The means of confirmation.
const (
	// ConfirmationByPlan takes the plan of a dry run from clients that cannot ask a person.
	ConfirmationByPlan ConfirmationMeans = "Plan"
	// ConfirmationByElicitation refuses what no person confirmed.
	ConfirmationByElicitation ConfirmationMeans = "Elicitation"
)

// Permission is whether something may be done. An empty one means PermissionDeny.
type Permission string

// The permissions.
const (
	PermissionDeny  Permission = "Deny"
	PermissionAllow Permission = "Allow"
)

// Attribution is how texts say who wrote them. An empty one means AttributionName.
type Attribution string

// The attributions.
const (
	// AttributionName ends texts with the caller's name.
	AttributionName Attribution = "Name"
	// AttributionNone leaves texts as the agent wrote them.
	AttributionNone Attribution = "None"
)

// AuditPayloads is how much of arguments and results is kept of a call. An empty one means AuditPayloadsRedacted.
type AuditPayloads string

// The audit payloads.
const (
	// AuditPayloadsNone keeps neither.
	AuditPayloadsNone AuditPayloads = "None"
	// AuditPayloadsRedacted keeps them without texts and secrets.
	AuditPayloadsRedacted AuditPayloads = "Redacted"
	// AuditPayloadsFull keeps them without secrets.
	AuditPayloadsFull AuditPayloads = "Full"
)
