package connectionobject

import (
	"cmp"
	"time"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/store"
)

// What a manifest means that leaves a field out.
const (
	defaultTimeZone          = "UTC"
	defaultWritesPerHour     = 60
	defaultRequestsPerMinute = 30
	defaultBurst             = 10
	defaultLookupInterval    = 6 * time.Hour
	defaultRetentionDays     = 90
	defaultCABundleKey       = "ca.crt"
)

// defaultToolsets are without those that few need, or that can do the most harm.
var defaultToolsets = []v1alpha1.Toolset{
	v1alpha1.ToolsetRequests, v1alpha1.ToolsetLookups, v1alpha1.ToolsetProjects, v1alpha1.ToolsetKnowledge, v1alpha1.ToolsetPeople,
}

// KeyOf returns the id of a connection.
func KeyOf(c *v1alpha1.SDPConnection) store.Key {
	return store.Key{Namespace: c.Namespace, Name: c.Name}
}

// SettingsOf returns what servers have to know of a connection. caCertificates are what its ConfigMap has.
func SettingsOf(spec *v1alpha1.SDPConnectionSpec, caCertificates string) store.ConnectionSettings {
	settings := store.ConnectionSettings{
		Edition:        string(spec.Edition),
		APIURL:         APIURL(spec),
		Portal:         spec.Portal,
		TimeZone:       cmp.Or(spec.TimeZone, defaultTimeZone),
		CACertificates: caCertificates,
		Access:         accessOf(spec),
		LookupInterval: LookupInterval(spec),
		AuditPayloads:  string(v1alpha1.AuditPayloadsRedacted),
		RetentionDays:  RetentionDays(spec),
		Defaults:       defaultsOf(spec.Defaults),
		Suspended:      spec.Suspend,
	}
	settings.RequestsPerMinute, settings.Burst = Rate(spec)
	if spec.Audit != nil && spec.Audit.Payloads != "" {
		settings.AuditPayloads = string(spec.Audit.Payloads)
	}
	for _, c := range spec.Callers {
		settings.Callers = append(settings.Callers, store.ConnectionCaller{Subject: c.Subject, Email: c.Email, Groups: c.Groups})
	}
	return settings
}

// Mode returns the access mode in force.
func Mode(spec *v1alpha1.SDPConnectionSpec) v1alpha1.AccessMode {
	return cmp.Or(findWrittenAccess(spec).Mode, v1alpha1.AccessModeReadOnly)
}

// Toolsets returns the groups of tools there are.
func Toolsets(spec *v1alpha1.SDPConnectionSpec) []v1alpha1.Toolset {
	if written := findWrittenAccess(spec).Toolsets; len(written) > 0 {
		return written
	}
	return defaultToolsets
}

// Rate returns how many calls there may be in any 60 seconds, and how many of them in any 2.
func Rate(spec *v1alpha1.SDPConnectionSpec) (requestsPerMinute, burst int) {
	requestsPerMinute, burst = defaultRequestsPerMinute, defaultBurst
	if limit := spec.RateLimit; limit != nil {
		requestsPerMinute, burst = valueOr(limit.RequestsPerMinute, requestsPerMinute), valueOr(limit.Burst, burst)
	}
	return requestsPerMinute, min(burst, requestsPerMinute)
}

// LookupInterval returns how old a list may become.
func LookupInterval(spec *v1alpha1.SDPConnectionSpec) time.Duration {
	if spec.Lookups == nil {
		return defaultLookupInterval
	}
	written, err := time.ParseDuration(spec.Lookups.RefreshInterval)
	if err != nil { // it is empty: what is no duration the schema refuses
		return defaultLookupInterval
	}
	return written
}

// RetentionDays returns how long the audit of a connection is kept.
func RetentionDays(spec *v1alpha1.SDPConnectionSpec) int {
	if spec.Audit != nil {
		return valueOr(spec.Audit.RetentionDays, defaultRetentionDays)
	}
	return defaultRetentionDays
}

// CABundle returns the ConfigMap with the authorities' certificates and the key in it; both are empty for none.
func CABundle(spec *v1alpha1.SDPConnectionSpec) (configMap, key string) {
	if spec.CABundle == nil {
		return "", ""
	}
	return string(spec.CABundle.ConfigMapName), cmp.Or(spec.CABundle.Key, defaultCABundleKey)
}

// findWrittenAccess returns what the manifest says of access, which may be nothing.
func findWrittenAccess(spec *v1alpha1.SDPConnectionSpec) v1alpha1.Access {
	if spec.Access == nil {
		return v1alpha1.Access{}
	}
	return *spec.Access
}

func accessOf(spec *v1alpha1.SDPConnectionSpec) store.ConnectionAccess {
	written := findWrittenAccess(spec)
	ceilings := store.ConnectionAccess{
		Mode:             string(Mode(spec)),
		Projects:         written.Projects,
		Groups:           written.Groups,
		Sites:            written.Sites,
		Confirm:          string(cmp.Or(written.Confirm, v1alpha1.ConfirmationDestructive)),
		ConfirmBy:        string(cmp.Or(written.ConfirmBy, v1alpha1.ConfirmationByPlan)),
		RequesterVisible: string(cmp.Or(written.RequesterVisible, v1alpha1.PermissionDeny)),
		Fields:           writableFields(written.Fields),
		WritesPerHour:    valueOr(written.WritesPerHour, defaultWritesPerHour),
		Attribution:      string(cmp.Or(written.Attribution, v1alpha1.AttributionName)),
	}
	for _, t := range Toolsets(spec) {
		ceilings.Toolsets = append(ceilings.Toolsets, string(t))
	}
	if len(written.Projects) == 1 && written.Projects[0] == allProjects {
		ceilings.Projects = nil
	}
	return ceilings
}

// allProjects is what a manifest may write for all of them.
const allProjects = "*"

// writableFields returns the lists that are written, by kind of record, the empty ones among them.
func writableFields(written *v1alpha1.WritableFields) map[string][]string {
	if written == nil {
		return nil
	}
	fields := map[string][]string{}
	for kind, names := range map[string]v1alpha1.FieldNames{
		"request": written.Request, "task": written.Task, "project": written.Project, "milestone": written.Milestone, "problem": written.Problem,
	} {
		if names != nil {
			fields[kind] = names
		}
	}
	if len(fields) == 0 {
		return nil
	}
	return fields
}

// defaultsOf returns the values that are written, by the names that fields have in the API of ServiceDesk Plus.
func defaultsOf(written *v1alpha1.RequestDefaults) map[string]string {
	if written == nil {
		return nil
	}
	values := map[string]string{}
	for field, value := range map[string]v1alpha1.LookupName{
		"template": written.Template, "request_type": written.RequestType, "mode": written.Mode, "level": written.Level,
		"site": written.Site, "group": written.Group, "category": written.Category, "subcategory": written.Subcategory,
		"item": written.Item, "priority": written.Priority, "urgency": written.Urgency, "impact": written.Impact,
	} {
		if value != "" {
			values[field] = string(value)
		}
	}
	if len(values) == 0 {
		return nil
	}
	return values
}

func valueOr(written *int32, absent int) int {
	if written == nil {
		return absent
	}
	return int(*written)
}
