package v1alpha1

// Names on objects that are ours.
const (
	// PromptFinalizer holds a Prompt until its row in the database is a tombstone.
	PromptFinalizer = "lectern.dev/prompt"

	// ManagedByLabel says who made a Secret.
	ManagedByLabel = "app.kubernetes.io/managed-by"
	// ManagedByController is its value on those that the controller made, and the field manager by which it writes them.
	ManagedByController = "lectern-controller"

	// RequestedAtAnnotation asks for a reconcile now; its value is copied to
	// status.lastHandledReconcileAt once that is done.
	RequestedAtAnnotation = "lectern.dev/requestedAt"

	// SourceRevisionAnnotation names the commit a manifest came from.
	SourceRevisionAnnotation = "lectern.dev/source-revision"
	// ChangeMessageAnnotation says why a prompt was changed.
	ChangeMessageAnnotation = "lectern.dev/change-message"
	// ChangedByAnnotation names the agent that made the change request of LastChangeAnnotation, for people to read. It stays
	// when others write, and anybody may write it: a version's author is taken from the change request, never from here.
	ChangedByAnnotation = "lectern.dev/changed-by"
	// LastChangeAnnotation is the id of the last change request an agent made to the object; it is
	// written with the change, so that a replay finds it done.
	LastChangeAnnotation = "lectern.dev/last-change"
	// AgentsAnnotation says what agents may edit beside what is theirs: AgentsMayMoveChannels or AgentsMayEditAll.
	AgentsAnnotation = "lectern.dev/agents"
)

// Values of AgentsAnnotation; any other lets nobody in.
const (
	// AgentsMayEditAll lets agents edit and delete the object.
	AgentsMayEditAll = "all"
	// AgentsMayMoveChannels lets agents move and remove channels, and change nothing else.
	AgentsMayMoveChannels = "channels"
)

// Condition types. Ready is the summary; the other two exist only while they are True, and never
// both (the kstatus contract).
const (
	// ConditionReady is True while what the spec asks for is what is served.
	ConditionReady = "Ready"
	// ConditionReconciling is True while the controller will try again by itself.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True while nothing will change until a person acts.
	ConditionStalled = "Stalled"
)

// Reasons of the Ready condition. Reconciling and Stalled carry the same reason.
const (
	// ReasonPublished: the spec is stored and served.
	ReasonPublished = "Published"
	// ReasonSuspended: spec.suspend is set; what was live stays live.
	ReasonSuspended = "Suspended"
	// ReasonInvalidTemplate: the text does not compile; the message gives line and column.
	ReasonInvalidTemplate = "InvalidTemplate"
	// ReasonInvalidSpec: a field other than the text breaks a rule that only the compiler can check.
	ReasonInvalidSpec = "InvalidSpec"
	// ReasonLimitExceeded: the prompt with its includes is larger than a limit allows.
	ReasonLimitExceeded = "LimitExceeded"
	// ReasonIncludeCycle: the prompt includes itself, directly or through others.
	ReasonIncludeCycle = "IncludeCycle"
	// ReasonIncludeMissing: an included prompt, or the version asked for, is not published yet.
	ReasonIncludeMissing = "IncludeMissing"
	// ReasonChannelVersionMissing: a channel names a version that is not stored.
	ReasonChannelVersionMissing = "ChannelVersionMissing"
	// ReasonVersionInUse: a version cannot be withdrawn while something needs it.
	ReasonVersionInUse = "VersionInUse"
	// ReasonStoreRefused: Postgres refuses these values; trying again cannot help.
	ReasonStoreRefused = "StoreRefused"
	// ReasonStoreUnavailable: the database is away; the controller tries again.
	ReasonStoreUnavailable = "StoreUnavailable"
	// ReasonSchemaBehind: the database schema is older than the controller.
	ReasonSchemaBehind = "SchemaBehind"
	// ReasonContended: other changes of the same prompts came first, again and again.
	ReasonContended = "Contended"
	// ReasonUnexpected: an error nobody foresaw; the controller's log tells it.
	ReasonUnexpected = "Unexpected"
	// ReasonForeignCluster: the database belongs to another cluster.
	ReasonForeignCluster = "ForeignCluster"
	// ReasonOtherController: another controller reconciles the object, which status.controller names. It is the reason of an
	// event alone: the status is that controller's.
	ReasonOtherController = "OtherController"
	// ReasonReleased: the object was let go without its row, because the database stayed away.
	ReasonReleased = "Released"
)
