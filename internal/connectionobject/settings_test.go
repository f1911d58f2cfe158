package connectionobject

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/store"
)

// bareSettings are those of a manifest that says no more than it must.
func bareSettings() store.ConnectionSettings {
	return store.ConnectionSettings{
		Edition: "Cloud", APIURL: "https://sdpondemand.manageengine.eu", TimeZone: "UTC",
		Access: store.ConnectionAccess{
			Mode: "ReadOnly", Toolsets: []string{"requests", "lookups", "projects", "knowledge", "people"},
			Confirm: "Destructive", ConfirmBy: "Plan", RequesterVisible: "Deny", WritesPerHour: 60, Attribution: "Name",
		},
		RequestsPerMinute: 30, Burst: 10, LookupInterval: 6 * time.Hour, AuditPayloads: "Redacted", RetentionDays: 90,
	}
}

func bareSpec() v1alpha1.SDPConnectionSpec {
	return v1alpha1.SDPConnectionSpec{
		Edition: v1alpha1.EditionCloud, DataCenter: v1alpha1.DataCenterEU, Credentials: v1alpha1.CredentialsReference{SecretName: "a"},
	}
}

func TestSettingsOf(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		write func(spec *v1alpha1.SDPConnectionSpec)
		want  func(settings *store.ConnectionSettings)
	}{
		"nothing": {func(*v1alpha1.SDPConnectionSpec) {}, func(*store.ConnectionSettings) {}},
		"empty objects": {func(s *v1alpha1.SDPConnectionSpec) {
			s.Access = &v1alpha1.Access{Fields: &v1alpha1.WritableFields{}}
			s.RateLimit, s.Lookups, s.Audit = &v1alpha1.RateLimit{}, &v1alpha1.LookupSettings{}, &v1alpha1.AuditSettings{}
			s.CABundle, s.Defaults = &v1alpha1.CABundleReference{}, &v1alpha1.RequestDefaults{}
		}, func(*store.ConnectionSettings) {}},
		"every project": {func(s *v1alpha1.SDPConnectionSpec) { s.Access = &v1alpha1.Access{Projects: []string{"*"}} }, func(*store.ConnectionSettings) {}},
		"a rate below the usual burst": {func(s *v1alpha1.SDPConnectionSpec) {
			s.RateLimit = &v1alpha1.RateLimit{RequestsPerMinute: new(int32(5))}
		}, func(s *store.ConnectionSettings) {
			s.RequestsPerMinute, s.Burst = 5, 5
		}},
		"empty lists are nothing": {func(s *v1alpha1.SDPConnectionSpec) {
			s.Access = &v1alpha1.Access{Projects: []string{}, Groups: []string{}, Sites: []string{}, Fields: &v1alpha1.WritableFields{Project: v1alpha1.FieldNames{}, Task: v1alpha1.FieldNames{"status"}}}
		}, func(s *store.ConnectionSettings) {
			s.Access.Projects, s.Access.Groups, s.Access.Sites = []string{}, []string{}, []string{}
			s.Access.Fields = map[string][]string{"project": {}, "task": {"status"}}
		}},
		"everything": {func(s *v1alpha1.SDPConnectionSpec) {
			s.APIURL, s.Portal, s.TimeZone, s.Suspend = "https://desk.example.org:8443/", "itdesk", "Europe/Berlin", true
			s.Access = &v1alpha1.Access{
				Mode: v1alpha1.AccessModeReadWrite, Toolsets: []v1alpha1.Toolset{v1alpha1.ToolsetTrash}, Projects: []string{"PJT-1"}, Groups: []string{"Network"}, Sites: []string{"none"},
				Confirm: v1alpha1.ConfirmationAlways, ConfirmBy: v1alpha1.ConfirmationByElicitation, RequesterVisible: v1alpha1.PermissionAllow,
				WritesPerHour: new(int32(5)), Attribution: v1alpha1.AttributionNone,
			}
			s.Callers = []v1alpha1.Caller{{Subject: "tom", Email: "tom@example.org", Groups: []string{"Network"}}}
			s.RateLimit = &v1alpha1.RateLimit{RequestsPerMinute: new(int32(60)), Burst: new(int32(20))}
			s.Lookups = &v1alpha1.LookupSettings{RefreshInterval: "1h"}
			s.Audit = &v1alpha1.AuditSettings{Payloads: v1alpha1.AuditPayloadsFull, RetentionDays: new(int32(7))}
			s.Defaults = &v1alpha1.RequestDefaults{Template: "Default Request", RequestType: "Incident"}
		}, func(s *store.ConnectionSettings) {
			s.APIURL, s.Portal, s.TimeZone, s.Suspended = "https://desk.example.org:8443", "itdesk", "Europe/Berlin", true
			s.Access = store.ConnectionAccess{
				Mode: "ReadWrite", Toolsets: []string{"trash"}, Projects: []string{"PJT-1"}, Groups: []string{"Network"}, Sites: []string{"none"},
				Confirm: "Always", ConfirmBy: "Elicitation", RequesterVisible: "Allow", WritesPerHour: 5, Attribution: "None",
			}
			s.Callers = []store.ConnectionCaller{{Subject: "tom", Email: "tom@example.org", Groups: []string{"Network"}}}
			s.RequestsPerMinute, s.Burst, s.LookupInterval, s.AuditPayloads, s.RetentionDays = 60, 20, time.Hour, "Full", 7
			s.Defaults = map[string]string{"template": "Default Request", "request_type": "Incident"}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec, want := bareSpec(), bareSettings()
			tc.write(&spec)
			tc.want(&want)
			want.CACertificates = "PEM"
			if diff := cmp.Diff(want, SettingsOf(&spec, "PEM")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestURLs(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		spec          v1alpha1.SDPConnectionSpec
		api, accounts string
	}{
		"of the data centre": {v1alpha1.SDPConnectionSpec{DataCenter: v1alpha1.DataCenterCN}, "https://servicedeskplus.cn", "https://accounts.zoho.com.cn"},
		"one is overridden":  {v1alpha1.SDPConnectionSpec{DataCenter: v1alpha1.DataCenterCA, AccountsURL: "https://accounts.zoho.ca/"}, "https://servicedeskplus.ca", "https://accounts.zoho.ca"},
		"on premises":        {v1alpha1.SDPConnectionSpec{APIURL: "https://desk/sdp//"}, "https://desk/sdp", ""},
	} {
		if api, accounts := APIURL(&tc.spec), AccountsURL(&tc.spec); api != tc.api || accounts != tc.accounts {
			t.Errorf("%s: got %s and %s, want %s and %s", name, api, accounts, tc.api, tc.accounts)
		}
	}
}

// TestURLs_OfEachDataCenter has both addresses for each data centre that the definition allows.
func TestURLs_OfEachDataCenter(t *testing.T) {
	t.Parallel()
	for _, center := range []v1alpha1.DataCenter{
		v1alpha1.DataCenterUS, v1alpha1.DataCenterEU, v1alpha1.DataCenterIN, v1alpha1.DataCenterCN, v1alpha1.DataCenterAU,
		v1alpha1.DataCenterJP, v1alpha1.DataCenterCA, v1alpha1.DataCenterUK, v1alpha1.DataCenterSA,
	} {
		spec := v1alpha1.SDPConnectionSpec{DataCenter: center}
		if APIURL(&spec) == "" || AccountsURL(&spec) == "" {
			t.Errorf("%s has the addresses %q and %q", center, APIURL(&spec), AccountsURL(&spec))
		}
	}
}

func TestCABundle(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		written        *v1alpha1.CABundleReference
		configMap, key string
	}{
		{nil, "", ""},
		{&v1alpha1.CABundleReference{ConfigMapName: "a"}, "a", "ca.crt"},
		{&v1alpha1.CABundleReference{ConfigMapName: "a", Key: "b"}, "a", "b"},
	} {
		spec := v1alpha1.SDPConnectionSpec{CABundle: tc.written}
		if configMap, key := CABundle(&spec); configMap != tc.configMap || key != tc.key {
			t.Errorf("%+v: got %q and %q", tc.written, configMap, key)
		}
	}
}
