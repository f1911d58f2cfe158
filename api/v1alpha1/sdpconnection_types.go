package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SDPConnection is access to one ServiceDesk Plus, with its ceilings, for agents that call tools over MCP.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=sdpconnections,singular=sdpconnection,scope=Namespaced,shortName=sdp,categories=lectern
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Mode",type=string,JSONPath=`.status.mode`
// +kubebuilder:printcolumn:name="Token",type=string,JSONPath=`.status.token.expiresAt`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Edition",type=string,priority=1,JSONPath=`.spec.edition`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="metadata.name must be one DNS label: at most 63 lower-case letters, digits and '-', no dots"
// +kubebuilder:validation:XValidation:rule="!has(self.spec.tokenSecretName) || self.spec.tokenSecretName != self.metadata.name + '-lectern-credentials'",message="tokenSecretName is the Secret in which Lectern keeps the refresh token of this connection; choose another name",fieldPath=".spec.tokenSecretName"
// +kubebuilder:validation:XValidation:rule="self.spec.credentials.secretName != self.metadata.name + '-lectern-credentials'",message="credentials.secretName is the Secret in which Lectern keeps the refresh token of this connection; name one of your own",fieldPath=".spec.credentials.secretName"
type SDPConnection struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard object metadata; namespace and name together are the connection's id.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the owner of the connection asks for.
	// +required
	Spec SDPConnectionSpec `json:"spec"`

	// status is how the connection stands.
	// +optional
	// +kubebuilder:default:={"observedGeneration":-1}
	Status SDPConnectionStatus `json:"status,omitempty"`
}

// SDPConnectionList is a list of SDPConnections.
//
// +kubebuilder:object:root=true
type SDPConnectionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []SDPConnection `json:"items"`
}

// SDPConnectionSpec is what the owner of a connection wrote. Nothing in it has a default in the schema: what
// is absent in Git stays absent in the cluster.
//
// +kubebuilder:validation:XValidation:rule="self.edition != 'Cloud' || has(self.dataCenter) || (has(self.accountsURL) && has(self.apiURL))",message="edition Cloud needs dataCenter, such as EU, or both accountsURL and apiURL"
// +kubebuilder:validation:XValidation:rule="self.edition != 'OnPremises' || has(self.apiURL)",message="edition OnPremises needs apiURL, the address of your server"
// +kubebuilder:validation:XValidation:rule="self.edition != 'OnPremises' || !has(self.dataCenter)",message="edition OnPremises has no data centre; remove dataCenter",fieldPath=".dataCenter"
// +kubebuilder:validation:XValidation:rule="self.edition != 'OnPremises' || !has(self.accountsURL)",message="edition OnPremises has no accounts server; remove accountsURL",fieldPath=".accountsURL"
// +kubebuilder:validation:XValidation:rule="self.edition != 'OnPremises' || !has(self.tokenSecretName)",message="edition OnPremises has an API key and no access token to keep; remove tokenSecretName",fieldPath=".tokenSecretName"
// +kubebuilder:validation:XValidation:rule="!has(self.tokenSecretName) || self.tokenSecretName != self.credentials.secretName",message="tokenSecretName must be another Secret than credentials.secretName, which Lectern never writes",fieldPath=".tokenSecretName"
type SDPConnectionSpec struct {
	// edition is Cloud or OnPremises. It cannot be changed.
	// +required
	// +kubebuilder:validation:Enum=Cloud;OnPremises
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="edition cannot be changed; create another connection"
	Edition Edition `json:"edition"`

	// dataCenter is where the organisation's account is: it gives both URLs. Edition Cloud needs it or both URLs.
	// +optional
	// +kubebuilder:validation:Enum=US;EU;IN;CN;AU;JP;CA;UK;SA
	DataCenter DataCenter `json:"dataCenter,omitempty"`

	// accountsURL is the accounts server that gives tokens; the data centre's when absent.
	// +optional
	AccountsURL ServiceURL `json:"accountsURL,omitempty"`

	// apiURL is the address of ServiceDesk Plus, without /app and /api; the data centre's when absent.
	// +optional
	APIURL ServiceURL `json:"apiURL,omitempty"`

	// portal is the name behind /app/ in the address; when absent there is no /app/ in it.
	// +optional
	// +kubebuilder:validation:MaxLength=100
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9][A-Za-z0-9_-]*$')",message="portal must be the name alone that stands behind /app/ in the address, such as itdesk: letters, digits, '-' and '_'"
	Portal string `json:"portal,omitempty"`

	// timeZone is the one in which tools show and read times, by its IANA name; UTC when absent.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self != 'Local' && self.matches('^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$')",message="timeZone must be a name of the IANA time zone database, such as Europe/Berlin or UTC"
	TimeZone string `json:"timeZone,omitempty"`

	// credentials is the Secret with what logs in.
	// +required
	Credentials CredentialsReference `json:"credentials"`

	// tokenSecretName is a Secret in which the access token is kept, too, for other workloads. Lectern makes it, and
	// overwrites none that is not its own.
	// +optional
	TokenSecretName ObjectName `json:"tokenSecretName,omitempty"`

	// access is what agents may do at most.
	// +optional
	Access *Access `json:"access,omitempty"`

	// callers map who calls to people of ServiceDesk Plus, where the caller's token has no verified e-mail address.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:XValidation:rule="[self.map(c, c.subject.find('.{1,9}$'))].all(ends, [self.filter(c, [c.subject.find('.{1,9}$')].exists(e, ends.indexOf(e) != ends.lastIndexOf(e))).map(c, c.subject)].all(alike, alike.all(s, alike.indexOf(s) == alike.lastIndexOf(s))))",message="the subjects of callers must be unique"
	Callers []Caller `json:"callers,omitempty"`

	// rateLimit is how often ServiceDesk Plus is called, by all replicas together.
	// +optional
	RateLimit *RateLimit `json:"rateLimit,omitempty"`

	// lookups is how the lists of priorities, categories, statuses and the like are kept.
	// +optional
	Lookups *LookupSettings `json:"lookups,omitempty"`

	// audit is what is kept of each call.
	// +optional
	Audit *AuditSettings `json:"audit,omitempty"`

	// caBundle is a ConfigMap with the certificates of the authorities that sign the server's certificate; when absent, those
	// of the image.
	// +optional
	CABundle *CABundleReference `json:"caBundle,omitempty"`

	// defaults are merged into requests that agents create.
	// +optional
	Defaults *RequestDefaults `json:"defaults,omitempty"`

	// suspend stops refreshing tokens and lookups; tools stay listed and answer that the connection is suspended.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
}

// ServiceURL is the address of a server: scheme, host, and perhaps a port and a path.
//
// +kubebuilder:validation:MaxLength=512
// +kubebuilder:validation:XValidation:rule="self.matches('^https?://')",message="must begin with https:// (or http://, where the installer allows it)"
// +kubebuilder:validation:XValidation:rule="!self.contains('@')",message="must not contain a user name or password; they belong into the Secret that credentials.secretName names"
// +kubebuilder:validation:XValidation:rule="!self.contains('?') && !self.contains('#')",message="must have no query (?) and no fragment (#)"
// +kubebuilder:validation:XValidation:rule="!self.matches('^https?://[^@?#]*$') || self.matches(r'^https?://([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\\[[0-9A-Fa-f:.]+\\])(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?$')",message="must be a host, perhaps with a port and a path, such as https://helpdesk.example.org:8443"
type ServiceURL string

// ObjectName is the name of a Secret or ConfigMap in the namespace of the connection.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="must be the name of an object in this namespace: lower-case letters, digits, '-' and '.'"
type ObjectName string

// CredentialsReference names the Secret with what logs in.
type CredentialsReference struct {
	// secretName is a Secret of type lectern.dev/sdp-credentials in the same namespace. Edition Cloud wants the keys client_id,
	// client_secret, and refresh_token or grant_code in it; OnPremises api_key.
	// +required
	SecretName ObjectName `json:"secretName"`
}

// Access is what agents may do at most, whoever calls.
type Access struct {
	// mode is ReadOnly (when absent) or ReadWrite.
	// +optional
	// +kubebuilder:validation:Enum=ReadOnly;ReadWrite
	Mode AccessMode `json:"mode,omitempty"`

	// toolsets are the groups of tools there are: requests, lookups, projects, knowledge and people when absent.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:XValidation:rule="self.size() > 0",message="toolsets must name one at least; leave toolsets out for the usual ones"
	// +kubebuilder:validation:XValidation:rule="self.all(t, self.exists_one(o, o == t))",message="toolsets must be unique"
	Toolsets []Toolset `json:"toolsets,omitempty"`

	// projects are those agents see, by id or PJT number; all when absent or "*", none when empty.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.all(p, p == '*' || p.matches('^[A-Za-z0-9][A-Za-z0-9-]*$'))",message="projects must be ids or numbers such as PJT-12, or \"*\" for all"
	// +kubebuilder:validation:XValidation:rule="self.size() < 2 || !('*' in self)",message="projects has \"*\", which is all of them; remove it or the others"
	// +kubebuilder:validation:XValidation:rule="[self].all(l, l.all(p, l.indexOf(p) == l.lastIndexOf(p)))",message="projects must be unique"
	Projects []string `json:"projects,omitzero"`

	// groups are those whose requests agents see; all when absent, none when empty. The word none stands for requests
	// without a group.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=128
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=250
	// +kubebuilder:validation:XValidation:rule="[self].all(l, l.all(g, l.indexOf(g) == l.lastIndexOf(g)))",message="groups must be unique"
	Groups []string `json:"groups,omitzero"`

	// sites are those whose requests agents see; all when absent, none when empty. The word none stands for requests
	// without a site.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=128
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=250
	// +kubebuilder:validation:XValidation:rule="[self].all(l, l.all(s, l.indexOf(s) == l.lastIndexOf(s)))",message="sites must be unique"
	Sites []string `json:"sites,omitzero"`

	// confirm is which writes a person or a second call must confirm: Never, Destructive (when absent) or Always.
	// +optional
	// +kubebuilder:validation:Enum=Never;Destructive;Always
	Confirm Confirmation `json:"confirm,omitempty"`

	// confirmBy is how: Plan (when absent) takes the plan of a dry run; Elicitation refuses what no person confirmed.
	// +optional
	// +kubebuilder:validation:Enum=Plan;Elicitation
	ConfirmBy ConfirmationMeans `json:"confirmBy,omitempty"`

	// requesterVisible is whether agents may write what a requester reads: Deny (when absent) or Allow.
	// +optional
	// +kubebuilder:validation:Enum=Deny;Allow
	RequesterVisible Permission `json:"requesterVisible,omitempty"`

	// fields are those agents may write, by the kind of record and for every tool that writes it; all when absent.
	// +optional
	Fields *WritableFields `json:"fields,omitempty"`

	// writesPerHour is how many writes one caller may make; 60 when absent. A bulk write counts once for each record.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	WritesPerHour *int32 `json:"writesPerHour,omitempty"`

	// attribution is how texts say who wrote them: Name (when absent) ends them with the caller's, None does not.
	// +optional
	// +kubebuilder:validation:Enum=Name;None
	Attribution Attribution `json:"attribution,omitempty"`
}

// WritableFields are the fields agents may write. Of a kind that is absent it is all of them, and of one that is empty none.
type WritableFields struct {
	// request are fields of requests; note and worklog are among them.
	// +optional
	Request FieldNames `json:"request,omitzero"`
	// task are fields of tasks, of requests as of projects.
	// +optional
	Task FieldNames `json:"task,omitzero"`
	// project are fields of projects.
	// +optional
	Project FieldNames `json:"project,omitzero"`
	// milestone are fields of milestones.
	// +optional
	Milestone FieldNames `json:"milestone,omitzero"`
	// problem are fields of problems.
	// +optional
	Problem FieldNames `json:"problem,omitzero"`
}

// FieldNames are names of fields as the parameters of tools have them.
//
// +listType=atomic
// +kubebuilder:validation:MaxItems=64
// +kubebuilder:validation:items:MinLength=1
// +kubebuilder:validation:items:MaxLength=64
// +kubebuilder:validation:XValidation:rule="self.all(f, f.matches('^[a-z][a-z0-9_]*$'))",message="fields have the names of the parameters of tools, such as priority or due_by"
// +kubebuilder:validation:XValidation:rule="self.all(f, self.exists_one(o, o == f))",message="the fields of a kind must be unique"
type FieldNames []string

// Caller is who a subject is in ServiceDesk Plus.
type Caller struct {
	// subject is the user as Kubernetes or the OIDC issuer names it, such as system:serviceaccount:agents:triage.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Subject string `json:"subject"`

	// email is the address by which ServiceDesk Plus knows the person.
	// +required
	// +kubebuilder:validation:MaxLength=254
	// +kubebuilder:validation:XValidation:rule="self.matches(r'^[^@\\s]+@[^@\\s]+$')",message="email must be one address, such as tom@example.org"
	Email string `json:"email"`

	// groups are those whose unassigned requests are in the person's queue.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=250
	Groups []string `json:"groups,omitempty"`
}

// RateLimit is how often ServiceDesk Plus is called.
//
// +kubebuilder:validation:XValidation:rule="!has(self.burst) || self.burst <= (has(self.requestsPerMinute) ? self.requestsPerMinute : 30)",message="burst must not be more than requestsPerMinute, which is 30 when absent",fieldPath=".burst"
type RateLimit struct {
	// requestsPerMinute is how many calls there are in any 60 seconds; 30 when absent.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	RequestsPerMinute *int32 `json:"requestsPerMinute,omitempty"`

	// burst is how many of them there are in any 2 seconds; 10 when absent, or requestsPerMinute where that is less.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	Burst *int32 `json:"burst,omitempty"`
}

// LookupSettings is how lookups are kept.
type LookupSettings struct {
	// refreshInterval is how old a list may become, such as 90m; 6h when absent.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(h|m|s))+$') && duration(self) >= duration('15m') && duration(self) <= duration('168h')",message="refreshInterval must be a duration from 15m to 168h, such as 6h"
	RefreshInterval string `json:"refreshInterval,omitempty"`
}

// AuditSettings is what is kept of each call.
type AuditSettings struct {
	// payloads is how much of arguments and results: None, Redacted (when absent) or Full.
	// +optional
	// +kubebuilder:validation:Enum=None;Redacted;Full
	Payloads AuditPayloads `json:"payloads,omitempty"`

	// retentionDays is how long; 90 when absent.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= 1 && self <= 3650",message="retentionDays must be from 1 to 3650, which is ten years"
	RetentionDays *int32 `json:"retentionDays,omitempty"`
}

// CABundleReference names certificates, as PEM.
type CABundleReference struct {
	// configMapName is a ConfigMap in the same namespace.
	// +required
	ConfigMapName ObjectName `json:"configMapName"`

	// key of the ConfigMap; ca.crt when absent.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[-._a-zA-Z0-9]+$')",message="key must be a key of a ConfigMap: letters, digits, '-', '_' and '.'"
	Key string `json:"key,omitempty"`
}
