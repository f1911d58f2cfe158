// Package changes carries out what agents asked for over MCP: it writes change requests into Prompt objects.
//
// It knows neither SQL nor MCP, and publishes nothing: that an edit is served is said by the publish of the prompt
// reconciler. What becomes of a request is decided by internal/change, whose documentation has its states and clocks.
//
// Its invariant: a request goes into its object once or not at all, and whoever takes over from a controller that ended
// anywhere can tell which. Every write carries the id of its request and the version of the object it was decided on, and
// is recorded in the database before it is sent. Other writers are trusted in one thing: they keep the annotation
// lectern.dev/last-change, as everything does that does not replace the whole object.
//
// The verb promote is asked for by the policy in config/policies/channels, which sees who writes the object.
//
// +kubebuilder:rbac:groups=lectern.dev,resources=prompts,verbs=get;create;patch;delete;promote
package changes
