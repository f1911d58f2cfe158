package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Prompt is a versioned prompt, served to agents over MCP.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=prompts,singular=prompt,scope=Namespaced,shortName=pmt,categories=lectern
// +kubebuilder:selectablefield:JSONPath=`.spec.category`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Version",type=integer,JSONPath=`.status.version`
// +kubebuilder:printcolumn:name="Served",type=integer,JSONPath=`.status.servedVersion`
// +kubebuilder:printcolumn:name="Since",type=date,priority=1,JSONPath=`.status.servedSince`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Production",type=integer,priority=1,JSONPath=`.status.channels[?(@.name=="production")].version`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="metadata.name must be one DNS label: at most 63 lower-case letters, digits and '-', no dots"
type Prompt struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata; namespace and name together are the prompt's id.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the author wrote.
	// +required
	Spec PromptSpec `json:"spec"`

	// status is what is live.
	// +optional
	// +kubebuilder:default:={"observedGeneration":-1}
	Status PromptStatus `json:"status,omitempty"`
}

// PromptList is a list of Prompts.
//
// +kubebuilder:object:root=true
type PromptList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Prompt `json:"items"`
}

// PromptSpec is what the author of a prompt wrote. Nothing in it has a default in the schema: what
// is absent in Git stays absent in the cluster.
//
// +kubebuilder:validation:XValidation:rule="has(self.text) != has(self.messages)",message="set exactly one of text and messages"
// +kubebuilder:validation:XValidation:rule="!has(self.text) || size(bytes(self.text)) <= 262144",message="text has more than 262144 bytes (256 KiB); move parts into prompts of their own and include them with {{> name}}, or split the prompt",messageExpression="'text has %d bytes; at most 262144 (256 KiB) are allowed; move parts into prompts of their own and include them with {{> name}}, or split the prompt'.format([size(bytes(self.text))])"
// +kubebuilder:validation:XValidation:rule="!has(self.text) || !self.text.contains('\\u0000')",message="text contains the character U+0000, which cannot be stored"
// +kubebuilder:validation:XValidation:rule="!has(self.messages) || self.messages.map(m, size(bytes(m.text))).sum() <= 262144",message="the texts of all messages together have more than 262144 bytes (256 KiB); move parts into prompts of their own and include them with {{> name}}, or split the prompt",messageExpression="'the texts of all messages together have %d bytes; at most 262144 (256 KiB) are allowed; move parts into prompts of their own and include them with {{> name}}, or split the prompt'.format([self.messages.map(m, size(bytes(m.text))).sum()])"
// +kubebuilder:validation:XValidation:rule="!has(self.arguments) || !has(self.syntax) || self.syntax != 'Plain' || self.arguments.size() == 0",message="a Plain prompt has no placeholders, so it cannot declare arguments; use syntax Mustache or Simple"
// +kubebuilder:validation:XValidation:rule="!has(self.arguments) || (has(self.syntax) && self.syntax == 'Simple') || self.arguments.all(a, !a.name.matches('^[0-9]'))",message="an argument name starts with a digit, which only syntax Simple allows"
// +kubebuilder:validation:XValidation:rule="!has(self.channels) || !has(self.withdrawnVersions) || self.channels.all(c, !has(c.version) || !(c.version in self.withdrawnVersions))",message="a channel names a version that withdrawnVersions withdraws; move the channel first"
type PromptSpec struct {
	// title is the name people see.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	Title string `json:"title,omitempty"`

	// description says what the prompt is for.
	// +optional
	// +kubebuilder:validation:MaxLength=500
	Description string `json:"description,omitempty"`

	// category groups prompts; one each.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	Category string `json:"category,omitempty"`

	// tags are words to find the prompt by.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=100
	// +kubebuilder:validation:XValidation:rule="self.all(t, self.exists_one(o, o == t))",message="tags must be unique"
	Tags []string `json:"tags,omitempty"`

	// metadata is a free JSON object of at most 16 KiB, kept with every version.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	Metadata *runtime.RawExtension `json:"metadata,omitempty"`

	// syntax is how the text is read: Mustache (when absent), Simple (exactly {{name}}, all else
	// literal) or Plain (no placeholders).
	// +optional
	// +kubebuilder:validation:Enum=Mustache;Simple;Plain
	Syntax Syntax `json:"syntax,omitempty"`

	// exposure is who finds the prompt: Listed (when absent), Unlisted (by name only) or Fragment
	// (for includes only).
	// +optional
	// +kubebuilder:validation:Enum=Listed;Unlisted;Fragment
	Exposure Exposure `json:"exposure,omitempty"`

	// arguments declares the placeholders. When absent, every placeholder becomes an argument:
	// optional when used only as a section, else required.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=128
	// +kubebuilder:validation:XValidation:rule="self.all(a, self.exists_one(o, o.name == a.name))",message="argument names must be unique"
	Arguments []Argument `json:"arguments,omitempty"`

	// text is the prompt, as one user message.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=262144
	Text string `json:"text,omitempty"`

	// messages is the prompt as a conversation.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Messages []Message `json:"messages,omitempty"`

	// channels are the movable pointers to versions. When present, the list is the whole truth; when
	// absent there is only latest.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.all(c, self.exists_one(o, o.name == c.name))",message="channel names must be unique"
	Channels []Channel `json:"channels,omitempty"`

	// withdrawnVersions are not served any more, and their text is erased. A number is never reused.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:Minimum=1
	// +kubebuilder:validation:items:Maximum=9007199254740991
	// +kubebuilder:validation:XValidation:rule="self.all(v, self.exists_one(o, o == v))",message="withdrawnVersions must be unique"
	WithdrawnVersions []int64 `json:"withdrawnVersions,omitempty"`

	// historyLimit is how many versions are kept; one in a channel is always kept. When absent, the
	// controller's --max-versions-per-prompt.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	HistoryLimit *int32 `json:"historyLimit,omitempty"`

	// deletionPolicy is what deleting the object does to the stored versions: Delete (when absent)
	// erases them after 30 days, Retain keeps them for an object of the same name to adopt.
	// +optional
	// +kubebuilder:validation:Enum=Delete;Retain
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`

	// suspend stops publishing; what is live stays live.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
}

// Argument is one value a prompt takes.
//
// +kubebuilder:validation:XValidation:rule="!has(self.enum) || !has(self.default) || self.default in self.enum",message="default must be one of enum"
// +kubebuilder:validation:XValidation:rule="!has(self.default) || !has(self.required) || !self.required",message="an argument with a default is optional; drop required or default"
// +kubebuilder:validation:XValidation:rule="!has(self.type) || self.type != 'Integer' || ((!has(self.default) || self.default.matches('^-?[0-9]+$')) && (!has(self.enum) || self.enum.all(v, v.matches('^-?[0-9]+$'))))",message="type is Integer, so default and every enum value must be whole numbers in quotes, such as \"5\""
// +kubebuilder:validation:XValidation:rule="!has(self.type) || self.type != 'Number' || ((!has(self.default) || self.default.matches(r'^-?(0|[1-9]\\d*)([.]\\d+)?([eE][-+]?\\d+)?$')) && (!has(self.enum) || self.enum.all(v, v.matches(r'^-?(0|[1-9]\\d*)([.]\\d+)?([eE][-+]?\\d+)?$'))))",message="type is Number, so default and every enum value must be numbers in quotes, such as \"0.5\""
// +kubebuilder:validation:XValidation:rule="!has(self.type) || self.type != 'Boolean' || ((!has(self.default) || self.default in ['true', 'false']) && (!has(self.enum) || self.enum.all(v, v in ['true', 'false'])))",message="type is Boolean, so default and every enum value must be \"true\" or \"false\" in quotes"
type Argument struct {
	// name is how the text refers to the argument: {{name}}.
	// +required
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_]{1,64}$`
	// +kubebuilder:validation:MaxLength=64
	Name string `json:"name"`

	// description tells a caller what to give.
	// +optional
	// +kubebuilder:validation:MaxLength=500
	Description string `json:"description,omitempty"`

	// type is what values must look like: String (when absent), Integer, Number or Boolean.
	// +optional
	// +kubebuilder:validation:Enum=String;Integer;Number;Boolean
	Type ArgumentType `json:"type,omitempty"`

	// enum lists the values allowed, as strings.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=256
	Enum []string `json:"enum,omitempty"`

	// default is used when a caller gives no value; it makes the argument optional.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Default *string `json:"default,omitempty"`

	// required says whether a caller must give a value: true when absent and there is no default.
	// +optional
	Required *bool `json:"required,omitempty"`
}

// Message is one turn of a prompt.
type Message struct {
	// role is who says it.
	// +required
	// +kubebuilder:validation:Enum=user;assistant
	Role Role `json:"role"`

	// text is what is said, in the prompt's syntax.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=262144
	// +kubebuilder:validation:XValidation:rule="!self.contains('\\u0000')",message="text contains the character U+0000, which cannot be stored"
	Text string `json:"text"`
}

// Channel points to a version by a name callers use: name@channel.
type Channel struct {
	// name of the channel; production is what callers get by default, once it exists.
	// +required
	// +kubebuilder:validation:Pattern=`^[a-z][a-z0-9-]{0,35}$`
	// +kubebuilder:validation:MaxLength=36
	// +kubebuilder:validation:XValidation:rule="self != 'latest'",message="the channel name latest is reserved: it always is the newest version"
	Name string `json:"name"`

	// version the channel stands on. When absent it follows the newest.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=9007199254740991
	Version *int64 `json:"version,omitempty"`
}

// PromptStatus is what is live, as the controller last saw it.
type PromptStatus struct {
	// observedGeneration is the generation this status speaks of; -1 before the first reconcile.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// controller is who reconciles the object: namespace and name of the Lease it leads by, as
	// lectern-system/lectern-controller. Every other controller leaves the object, its rows and its finalizer
	// alone. lectern release clears it.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Controller string `json:"controller,omitempty"`

	// version is the newest version stored.
	// +optional
	// +kubebuilder:validation:Maximum=9007199254740991
	Version int64 `json:"version,omitempty"`

	// servedVersion is what callers get when they name no version: the one production points to,
	// else the newest.
	// +optional
	// +kubebuilder:validation:Maximum=9007199254740991
	ServedVersion int64 `json:"servedVersion,omitempty"`

	// servedSince is when servedVersion last became what callers get, by a new version, a move of production,
	// a withdrawal or the object's return.
	// +optional
	ServedSince *metav1.Time `json:"servedSince,omitempty"`

	// digest is the SHA-256 of the newest version's canonical JSON.
	// +optional
	Digest string `json:"digest,omitempty"`

	// channels are the pointers as they stand.
	// +optional
	// +listType=atomic
	Channels []ChannelStatus `json:"channels,omitempty"`

	// includes are the versions of other prompts that the newest version contains.
	// +optional
	// +listType=atomic
	Includes []IncludeStatus `json:"includes,omitempty"`

	// lastHandledReconcileAt is the last value of the annotation lectern.dev/requestedAt that was
	// acted on.
	// +optional
	LastHandledReconcileAt string `json:"lastHandledReconcileAt,omitempty"`

	// conditions are Ready, and Reconciling or Stalled while true.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ChannelStatus is a channel and the version it stands on.
type ChannelStatus struct {
	// name of the channel.
	// +required
	Name string `json:"name"`
	// version it points to.
	// +required
	// +kubebuilder:validation:Maximum=9007199254740991
	Version int64 `json:"version"`
}

// IncludeStatus is a version of another prompt that went into this one.
type IncludeStatus struct {
	// name of the included prompt.
	// +required
	Name string `json:"name"`
	// version that was included.
	// +required
	// +kubebuilder:validation:Maximum=9007199254740991
	Version int64 `json:"version"`
}

// Observe stamps status.observedGeneration.
func (p *Prompt) Observe(generation int64) { p.Status.ObservedGeneration = generation }

// Controller points to status.controller.
func (p *Prompt) Controller() *string { return &p.Status.Controller }

// Conditions points to status.conditions.
func (p *Prompt) Conditions() *[]metav1.Condition { return &p.Status.Conditions }
