package v1alpha1_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// newConnection returns the least that an API server takes, changed.
func newConnection(name string, change func(spec *v1alpha1.SDPConnectionSpec)) *v1alpha1.SDPConnection {
	c := &v1alpha1.SDPConnection{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec: v1alpha1.SDPConnectionSpec{
			Edition: v1alpha1.EditionCloud, DataCenter: v1alpha1.DataCenterEU,
			Credentials: v1alpha1.CredentialsReference{SecretName: "helpdesk-oauth"},
		},
	}
	if change != nil {
		change(&c.Spec)
	}
	return c
}

func TestSDPConnectionStatus_FreshObjectIsNotObserved(t *testing.T) {
	c := newConnection("fresh-connection", nil)
	require.NoError(t, api.Create(t.Context(), c))
	if diff := cmp.Diff(v1alpha1.SDPConnectionStatus{ObservedGeneration: -1}, c.Status); diff != "" {
		t.Errorf("status of a fresh object (-want +got):\n%s", diff)
	}
}

// TestSDPConnectionSpec_NothingIsDefaulted stores what is written: of the lists also that they are empty, which means nothing
// where their absence means everything.
func TestSDPConnectionSpec_NothingIsDefaulted(t *testing.T) {
	for name, text := range map[string]string{
		"bare-connection":  "{edition: Cloud, dataCenter: EU, credentials: {secretName: a}}",
		"empty-connection": "{edition: OnPremises, apiURL: 'http://desk', credentials: {secretName: a}, access: {}, rateLimit: {}, lookups: {}, audit: {}, defaults: {}}",
		"lists-connection": "{edition: Cloud, dataCenter: EU, credentials: {secretName: a}, callers: [], access: {projects: [], groups: [], sites: [], fields: {request: [], task: [status]}}}",
	} {
		obj := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "lectern.dev/v1alpha1", "kind": "SDPConnection"}}
		obj.SetNamespace("default")
		obj.SetName(name)
		var spec map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(text), &spec))
		obj.Object["spec"] = spec
		want := obj.DeepCopy().Object["spec"]
		require.NoError(t, api.Create(t.Context(), obj))
		if diff := cmp.Diff(want, obj.Object["spec"]); diff != "" {
			t.Errorf("%s (-written +stored):\n%s", name, diff)
		}
	}
	var read v1alpha1.SDPConnection
	require.NoError(t, api.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "lists-connection"}, &read))
	require.NoError(t, api.Update(t.Context(), &read))
	var stored unstructured.Unstructured
	stored.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.SDPConnectionKind))
	require.NoError(t, api.Get(t.Context(), client.ObjectKeyFromObject(&read), &stored))
	access, _, err := unstructured.NestedMap(stored.Object, "spec", "access")
	require.NoError(t, err)
	want := map[string]any{
		"projects": []any{}, "groups": []any{}, "sites": []any{}, "fields": map[string]any{"request": []any{}, "task": []any{"status"}},
	}
	if diff := cmp.Diff(want, access); diff != "" {
		t.Errorf("access after a program read and wrote the object (-want +got):\n%s", diff)
	}
}

func TestSDPConnection_EditionIsImmutable(t *testing.T) {
	c := newConnection("edition", nil)
	require.NoError(t, api.Create(t.Context(), c))
	c.Spec.DataCenter = v1alpha1.DataCenterUS
	require.NoError(t, api.Update(t.Context(), c))
	c.Spec.Edition, c.Spec.DataCenter, c.Spec.APIURL = v1alpha1.EditionOnPremises, "", "https://desk.example.org"
	if err := api.Update(t.Context(), c); err == nil || !strings.Contains(err.Error(), "edition cannot be changed; create another connection") {
		t.Errorf("another edition: %v", err)
	}
}

// TestSDPConnection_LargestIsWithinCost fills every list to its limit with texts as long as allowed: no rule runs out of budget.
func TestSDPConnection_LargestIsWithinCost(t *testing.T) {
	texts := func(count, length int) []string {
		all := make([]string, count)
		for i := range all {
			all[i] = fmt.Sprintf("%s%04d", strings.Repeat("x", length-4), i)
		}
		return all
	}
	c := newConnection("largest", func(spec *v1alpha1.SDPConnectionSpec) {
		fields := v1alpha1.FieldNames(texts(64, 64))
		spec.Access = &v1alpha1.Access{
			Projects: texts(256, 32), Groups: texts(128, 250), Sites: texts(128, 250),
			Fields: &v1alpha1.WritableFields{Request: fields, Task: fields, Project: fields, Milestone: fields, Problem: fields},
		}
		for i, subject := range texts(256, 512) {
			spec.Callers = append(spec.Callers, v1alpha1.Caller{
				Subject: subject, Email: fmt.Sprintf("%s@%d", strings.Repeat("x", 200), i), Groups: texts(8, 100),
			})
		}
	})
	if err := api.Create(t.Context(), c, client.DryRunAll, client.FieldValidation("Strict")); err != nil {
		t.Errorf("%.2000v", err)
	}
}

// TestSDPConnection_CallersOfEachKind compares 256 subjects as clusters and issuers name them, the first of which returns as
// the last: it is refused for that alone.
func TestSDPConnection_CallersOfEachKind(t *testing.T) {
	for name, format := range map[string]string{
		"accounts of one name":           "system:serviceaccount:team-%03d:triage",
		"accounts of one namespace":      "system:serviceaccount:agents:triage-%03d",
		"addresses of one domain":        "firstname.lastname-%03d@mail.subsidiary.example.org",
		"identifiers of an issuer":       "https://login.example.org/0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0f/v2.0#0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0%03d",
		"names beyond ASCII":             "https://login.example.org/realms/main#山田太郎%03d",
		"names that are short":           "%03d",
		"as long as they may be":         strings.Repeat("é", 509) + "%03d",
		"with a line break at their end": "a%03d\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := newConnection("callers", func(spec *v1alpha1.SDPConnectionSpec) {
				for i := range 256 {
					spec.Callers = append(spec.Callers, v1alpha1.Caller{Subject: fmt.Sprintf(format, i), Email: "tom@example.org"})
				}
			})
			if err := api.Create(t.Context(), c, client.DryRunAll); err != nil {
				t.Errorf("%.2000v", err)
			}
			c.Spec.Callers[255].Subject = c.Spec.Callers[0].Subject
			err := api.Create(t.Context(), c, client.DryRunAll)
			if err == nil || !strings.HasSuffix(err.Error(), ": the subjects of callers must be unique") {
				t.Errorf("one of them twice: %.2000v", err)
			}
		})
	}
}

// TestSDPConnection_TakesURLs holds the rules for addresses to what people write.
func TestSDPConnection_TakesURLs(t *testing.T) {
	for url, accepted := range map[string]bool{
		"https://sdpondemand.manageengine.eu": true, "https://sdpondemand.manageengine.eu/": true, "http://fake-sdp.lectern.svc:8080": true,
		"https://10.0.0.7:8443/sdp": true, "https://[2001:db8::7]:8443": true, "https://a": true, "https://xn--bcher-kva.example": true,
		"https://": false, "https:///a": false, "https://-a": false, "https://a b": false, "https://a:port": false, "https://a:123456": false,
		"HTTPS://a": false, "https://a/b c": false, "https://a/%2e%2e": false, "https://a\\b": false, "https://a\n": false, "javascript:alert(1)": false,
		"https://user@a": false, "https://a?b": false, "https://a#b": false, "https://[::1": false, "https://bücher.example": false,
	} {
		c := newConnection("url", func(spec *v1alpha1.SDPConnectionSpec) { spec.APIURL = v1alpha1.ServiceURL(url) })
		if err := api.Create(t.Context(), c, client.DryRunAll); (err == nil) != accepted {
			t.Errorf("%q: accepted is %t: %v", url, err == nil, err)
		}
	}
}

// TestSDPConnection_Columns is what `kubectl get sdp` prints.
func TestSDPConnection_Columns(t *testing.T) {
	c := newConnection("columns", nil)
	require.NoError(t, api.Create(t.Context(), c))
	c.Status = v1alpha1.SDPConnectionStatus{
		ObservedGeneration: 1, Mode: v1alpha1.AccessModeReadOnly,
		Token: &v1alpha1.TokenStatus{ExpiresAt: &metav1.Time{Time: time.Date(2038, 1, 19, 3, 14, 7, 0, time.UTC)}},
		Conditions: []metav1.Condition{{
			Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonConnected, Message: "works", LastTransitionTime: metav1.Now(),
		}},
	}
	require.NoError(t, api.Status().Update(t.Context(), c))
	for flags, want := range map[string]string{
		"get sdp columns":                                    "NAME READY MODE TOKEN REASON AGE columns True ReadOnly 2038-01-19T03:14:07Z Connected",
		"get sdp columns --output=wide":                      "NAME READY MODE TOKEN REASON EDITION MESSAGE AGE columns True ReadOnly 2038-01-19T03:14:07Z Connected Cloud works",
		"get lectern --field-selector=metadata.name=columns": "NAME READY MODE TOKEN REASON AGE sdpconnection.lectern.dev/columns True",
	} {
		printed, err := plane.Kubectl(t.Context(), append(strings.Fields(flags), "--namespace=default")...)
		require.NoError(t, err)
		if got := strings.Join(strings.Fields(printed), " "); !strings.HasPrefix(got, want) {
			t.Errorf("kubectl %s printed\n%s\nwant it to begin with\n%s", flags, got, want)
		}
	}
}
