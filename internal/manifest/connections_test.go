package manifest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// soundConnection is a connection that a cluster takes.
const soundConnection = "apiVersion: lectern.dev/v1alpha1\nkind: SDPConnection\nmetadata: {name: a}\nspec:\n  edition: Cloud\n  dataCenter: EU\n  credentials: {secretName: b}\n"

// credentialsSecret is what may stand beside it in a file.
const credentialsSecret = "apiVersion: v1\nkind: Secret\nmetadata: {name: b}\ntype: lectern.dev/sdp-credentials\nstringData: {client_id: c, client_secret: d, refresh_token: e}\n"

func TestRead_Connections(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		file          string
		keys, prompts []string
		want          []string
	}{
		"one document":          {soundConnection, []string{"default/a"}, nil, nil},
		"beside its Secret":     {credentialsSecret + "---\n" + soundConnection, []string{"default/a"}, nil, nil},
		"the Secret alone":      {credentialsSecret, nil, nil, nil},
		"beside a prompt":       {soundConnection + "---\n" + named("a"), []string{"default/a"}, []string{"default/a"}, nil},
		"a list of its kind":    {"apiVersion: lectern.dev/v1alpha1\nkind: SDPConnectionList\nitems:\n- metadata: {name: a, namespace: support}\n  spec: {edition: OnPremises, apiURL: 'https://desk', credentials: {secretName: b}}\n", []string{"support/a"}, nil, nil},
		"no apiVersion":         {strings.Replace(soundConnection, "apiVersion: lectern.dev/v1alpha1\n", "", 1), nil, nil, []string{"f.yaml:1:1: apiVersion is missing; write apiVersion: lectern.dev/v1alpha1"}},
		"no name":               {strings.Replace(soundConnection, "name: a", "generateName: a", 1), nil, nil, []string{"f.yaml:3:1: metadata.name: Required value: a connection is called by its name; write name: under metadata:"}},
		"with items":            {soundConnection + "items: []\n", nil, nil, []string{"f.yaml:8:1: kubectl takes an object with items for a list, and applies nothing of it; remove items"}},
		"a second time":         {soundConnection + "---\n" + soundConnection, []string{"default/a"}, nil, []string{"f.yaml:9:1: connection default/a is here a second time; the first is at f.yaml:1:1; remove or rename one"}},
		"an unknown field":      {soundConnection + "  dataCentre: US\n", nil, nil, []string{`f.yaml:8:3: unknown field "spec.dataCentre"`}},
		"a rule of the object":  {soundConnection + "  tokenSecretName: a-lectern-credentials\n", nil, nil, []string{"f.yaml:8:20: spec.tokenSecretName: tokenSecretName is the Secret in which Lectern keeps the refresh token of this connection; choose another name"}},
		"a rule of the spec":    {soundConnection + "  tokenSecretName: b\n", nil, nil, []string{"f.yaml:8:20: spec.tokenSecretName: tokenSecretName must be another Secret than credentials.secretName, which Lectern never writes"}},
		"a rule of an address":  {soundConnection + "  apiURL: https://u:p@desk\n", nil, nil, []string{"f.yaml:8:11: spec.apiURL: must not contain a user name or password; they belong in the Secret that credentials.secretName names"}},
		"a name of two labels":  {strings.Replace(soundConnection, "name: a", "name: a.b", 1), nil, nil, []string{"f.yaml:3:18: metadata.name must be one DNS label: at most 63 lower-case letters, digits and '-', no dots"}},
		"text for a number":     {soundConnection + "  audit: {retentionDays: \"30\"}\n", nil, nil, []string{"f.yaml:8:26: spec.audit.retentionDays in body must be of type integer: \"string\"; in quotes it is text: write retentionDays: 30"}},
		"status is passed over": {soundConnection + "status: {mode: ReadOnly}\n", []string{"default/a"}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := read(t, File{Name: "f.yaml", Content: []byte(tc.file)})
			var keys, prompts []string
			for _, m := range set.Connections {
				keys = append(keys, m.Key().String())
			}
			for _, m := range set.Manifests {
				prompts = append(prompts, m.Key().String())
			}
			if diff := cmp.Diff([3][]string{tc.keys, tc.prompts, tc.want}, [3][]string{keys, prompts, said(set.Problems)}); diff != "" {
				t.Errorf("connections, prompts and problems (-want +got)\n%s", diff)
			}
			if len(set.Foreign) > 0 {
				t.Errorf("foreign: %v", set.Foreign)
			}
		})
	}
}

// TestRead_BrokenSecret: a document that may hold credentials and cannot be read is a problem where it is broken, and nothing that stands
// in it is repeated: problems end up in the logs of pipelines.
func TestRead_BrokenSecret(t *testing.T) {
	t.Parallel()
	const canary = "canary-0f3a"
	secret := func(lines string) string {
		return "apiVersion: v1\nkind: Secret\nmetadata: {name: b}\ntype: lectern.dev/sdp-credentials\n" + lines
	}
	for name, tc := range map[string]struct {
		file string
		line int // about which there is one problem; 0 for none, or one anywhere
	}{
		"text behind a quoted value":  {secret("stringData:\n  client_secret: \"" + canary + "\" " + canary + "\n"), 6},
		"a value that begins with @":  {secret("stringData:\n  client_secret: @" + canary + "\n"), 6},
		"a value that begins with *":  {secret("stringData:\n  client_secret: *" + canary + "\n"), 0},
		"a value that begins with &&": {secret("stringData:\n  client_secret: &&" + canary + "\n"), 6},
		"a value that begins with {{": {secret("stringData:\n  client_secret: {{" + canary + "}}\n"), 6},
		"braces that are a mapping":   {secret("stringData:\n  client_secret: {{" + canary + ": x}: y}\n"), 6},
		"a colon in a value":          {secret("stringData:\n  client_secret: " + canary + ": " + canary + "\n"), 6},
		"a quote that is not closed":  {secret("stringData:\n  client_secret: \"" + canary + "\n"), 6},
		"an unknown escape":           {secret("stringData:\n  client_secret: \"" + canary + "\\q\"\n"), 6},
		"a tag that is none":          {secret("stringData:\n  client_secret: !!" + canary + " x\n"), 0},
		"a number that is none":       {secret("stringData:\n  client_secret: !!int " + canary + "\n"), 0},
		"a tab":                       {secret("stringData:\n\tclient_secret: " + canary + "\n"), 6},
		"a key twice":                 {secret("stringData: {" + canary + ": x, " + canary + ": y}\n}"), 6},
		"a separator with text":       {secret("stringData:\n  a: b\n--- " + canary + "\n"), 7},
		"indented wrongly":            {secret("stringData:\n  client_id: c\n   client_secret: " + canary + "\n"), 7},
		"JSON":                        {`{"apiVersion": "v1", "kind": "Secret", "type": "lectern.dev/sdp-credentials", "stringData": {"client_secret": ` + canary + `}}`, 0},
		"JSON that ends early":        {`{"kind": "Secret"}{"kind": "Secret", "type": "lectern.dev/sdp-credentials"}{"kind": "Secret", "stringData": {"client_secret": "` + canary + `"`, 1},
		"no kind":                     {"stringData:\n  refresh_token: \"" + canary + "\" " + canary + "\n# lectern.dev/sdp-credentials\n", 2},
		"another's Secret":            {"kind: Secret\ndata:\n  password: \"" + canary + "\" " + canary + "\n", 3},
		"a tag in a list": {"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: b}, stringData: {client_secret: !" + canary + " x}}\n" +
			"- {apiVersion: lectern.dev/v1alpha1, kind: SDPConnection, metadata: {name: a}, spec: {edition: Cloud, dataCenter: EU, credentials: {secretName: b}}}\n", 4},
		"an anchor in a list": {"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: b}, stringData: {client_secret: &" + canary + " x}}\n" +
			"- {apiVersion: lectern.dev/v1alpha1, kind: SDPConnection, metadata: {name: a}, spec: {edition: Cloud, dataCenter: EU, credentials: {secretName: b}}}\n", 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := read(t, File{Name: "f.yaml", Content: []byte(tc.file)})
			problems := append(set.Problems, set.Foreign...)
			if tc.line > 0 && (len(problems) != 1 || problems[0].Line < tc.line-1 || problems[0].Line > tc.line+1) {
				t.Errorf("want one problem about line %d, have %v", tc.line, said(problems))
			}
			for _, p := range problems {
				if strings.Contains(p.Message, canary) {
					t.Errorf("a value is repeated: %s", p)
				}
			}
		})
	}
}
