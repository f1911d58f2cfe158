package argohealth

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/config/argocd"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/test/kstatus"
)

// The folders of fixtures, one for each kind of object.
const (
	promptFixtures     = "../../config/argocd/testdata/prompts"
	connectionFixtures = "../../config/argocd/testdata/connections"
)

// unread is what is said of an object that no controller has read yet.
const unread = "Waiting for the Lectern controller to read this object"

// TestOf_Fixtures runs the script over every state of a Prompt. A test of controllers/prompt holds the fixtures to what is written.
func TestOf_Fixtures(t *testing.T) {
	t.Parallel()
	compareHealth(t, promptFixtures, map[string]Health{
		"fresh":                           {"Progressing", unread},
		"claimed":                         {"Progressing", unread},
		"generation-ahead":                {"Progressing", unread},
		"generation-ahead-stalled":        {"Progressing", unread},
		"published":                       {"Healthy", "Published: serving version 3; the newest is 7"},
		"published-by-another":            {"Healthy", "Published: serving version 3; the newest is 7"},
		"suspended":                       {"Suspended", "Suspended: spec.suspend is set; what is live stays live"},
		"suspended-unpublished":           {"Degraded", "Suspended: spec.suspend is set, and nothing of this object was published"},
		"being-deleted":                   {"Progressing", "Being deleted"},
		"being-deleted-store-unavailable": {"Progressing", "Being deleted"},
		"being-deleted-stalled":           {"Progressing", "Being deleted"},
		"waiting-include-missing": {"Progressing", "IncludeMissing: line 1, column 1: fragment house-style is not published in this namespace; " +
			"publish it or correct the include"},
		"retry-store-unavailable": {"Progressing", "StoreUnavailable: the database cannot be reached; what is served stays as it was, trying again"},
		"retry-schema-behind":     {"Progressing", "SchemaBehind: the database schema is older than this controller; run `lectern migrate`"},
		"retry-contended":         {"Progressing", "Contended: other changes came first; trying again"},
		"retry-unexpected":        {"Progressing", "Unexpected: an unexpected error, which the controller's log tells; trying again"},
		"blocked-invalid-template": {"Degraded", `InvalidTemplate: line 2, column 1: the section "tone" is never closed; ` +
			"write {{/tone}} where it ends"},
		"blocked-invalid-spec":            {"Degraded", `InvalidSpec: arguments[0].default: "loud" is not one of brief`},
		"blocked-limit-exceeded":          {"Degraded", "LimitExceeded: line 1, column 193: sections are nested more than 32 deep"},
		"blocked-include-cycle":           {"Degraded", "IncludeCycle: includes form a cycle: handover → house-style → handover; remove one of them"},
		"blocked-channel-version-missing": {"Degraded", "ChannelVersionMissing: channel production asks for version 9, which is not stored; stored are 7, 3"},
		"blocked-version-in-use": {"Degraded", "VersionInUse: nothing was withdrawn: version 2 is included by shift-report with @2: " +
			"change that include first"},
		"blocked-store-refused": {"Degraded", "StoreRefused: the database refuses a value: value too long"},
		"blocked-foreign-cluster": {"Degraded", "ForeignCluster: the database belongs to the cluster whose kube-system namespace has uid 4f0c, " +
			"not to this one (9a1b); if that cluster is gone, run `lectern migrate --adopt-cluster`"},
	})
}

// TestOf_ConnectionFixtures runs the script over states of an SDPConnection, which have no condition of their own that counts.
func TestOf_ConnectionFixtures(t *testing.T) {
	t.Parallel()
	const connected = "Connected: a call with the token was answered"
	compareHealth(t, connectionFixtures, map[string]Health{
		"fresh":                    {"Progressing", unread},
		"generation-ahead":         {"Progressing", unread},
		"connected":                {"Healthy", connected},
		"connected-lookups-failed": {"Healthy", connected},
		"suspended":                {"Suspended", "Suspended: spec.suspend is set; no token and no list is refreshed"},
		"being-deleted":            {"Progressing", "Being deleted"},
		"waiting-secret-missing": {"Progressing", "SecretMissing: the Secret helpdesk-oauth is not there; " +
			"make it, of type lectern.dev/sdp-credentials"},
		"retry-accounts-unavailable": {"Progressing", "AccountsUnavailable: https://accounts.zoho.eu does not answer; trying again"},
		"blocked-host-not-allowed": {"Degraded", "HostNotAllowed: credentials may not go to https://desk.example.org; " +
			"add it to --sdp-allowed-hosts"},
		"blocked-token-revoked": {"Degraded", "TokenRevoked: the accounts server does not take the refresh token; " +
			"put a new one into the Secret helpdesk-oauth"},
	})
}

// TestFixtures_AreConnections holds that a connection can be as the fixtures have it: its fields, and the reasons it gives.
func TestFixtures_AreConnections(t *testing.T) {
	t.Parallel()
	known := readReasons(t, "../../api/v1alpha1/conditions.go", "../../api/v1alpha1/sdpconnection_conditions.go")
	for name, object := range readFixtures(t, connectionFixtures) {
		content, err := yaml.Marshal(object)
		require.NoError(t, err)
		var connection v1alpha1.SDPConnection
		if err := yaml.UnmarshalStrict(content, &connection); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, condition := range connection.Status.Conditions {
			if !known[condition.Reason] {
				t.Errorf("%s: condition %s has the reason %q, which no constant has", name, condition.Type, condition.Reason)
			}
		}
	}
}

// compareHealth runs the script over the fixtures of a folder and compares what it says with what is wanted and with kstatus.
func compareHealth(t *testing.T, folder string, wanted map[string]Health) {
	t.Helper()
	got := map[string]Health{}
	for name, object := range readFixtures(t, folder) {
		health, err := Of(t.Context(), object)
		require.NoError(t, err)
		got[name] = health
		if verdict, err := kstatus.VerdictOf(object); err != nil || !Agrees(health, verdict) {
			t.Errorf("%s: Argo CD says %s, kstatus says %s (%v)", name, health.Status, verdict, err)
		}
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Error(diff)
	}
}

// TestFixtures_EveryReason holds that there is a fixture of every reason that a Prompt can give.
func TestFixtures_EveryReason(t *testing.T) {
	t.Parallel()
	missing := readReasons(t, "../../api/v1alpha1/conditions.go")
	if len(missing) < 10 {
		t.Fatalf("only %d reasons were read", len(missing))
	}
	// Of events: the object is gone, or its status is another's.
	delete(missing, v1alpha1.ReasonReleased)
	delete(missing, v1alpha1.ReasonOtherController)
	for _, object := range readFixtures(t, promptFixtures) {
		health, err := Of(t.Context(), object)
		require.NoError(t, err)
		reason, _, _ := strings.Cut(health.Message, ": ")
		delete(missing, reason)
	}
	if len(missing) > 0 {
		t.Errorf("no fixture has these reasons: %v", slices.Sorted(maps.Keys(missing)))
	}
}

// readReasons returns the reasons that files of the API have constants for.
func readReasons(t *testing.T, paths ...string) map[string]bool {
	t.Helper()
	reasons := map[string]bool{}
	for _, path := range paths {
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(parsed, func(node ast.Node) bool {
			if spec, is := node.(*ast.ValueSpec); is && strings.HasPrefix(spec.Names[0].Name, "Reason") {
				reason, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
				require.NoError(t, err)
				reasons[reason] = true
			}
			return true
		})
	}
	return reasons
}

// TestOf_AgreesWithKstatus tries every combination of what the controller may write.
func TestOf_AgreesWithKstatus(t *testing.T) {
	t.Parallel()
	tried := 0
	for _, observed := range []int64{-1, 0, 1, 2} {
		for _, deleted := range []bool{false, true} {
			for _, ready := range []string{"True", "False", "Unknown"} {
				for _, abnormal := range []string{"", "Reconciling", "Stalled"} {
					for _, reason := range []string{"Published", "Suspended"} {
						object := newObject(observed, deleted, ready, abnormal, reason)
						health, err := Of(t.Context(), object)
						require.NoError(t, err)
						verdict, err := kstatus.VerdictOf(object)
						require.NoError(t, err)
						tried++
						if !Agrees(health, verdict) {
							t.Errorf("Argo CD says %s, kstatus says %s of %v", health.Status, verdict, object)
						}
					}
				}
			}
		}
	}
	if tried != 4*2*3*3*2 {
		t.Errorf("%d combinations were tried", tried)
	}
}

func newObject(observed int64, deleted bool, ready, abnormal, reason string) map[string]any {
	metadata := map[string]any{"name": "handover", "generation": int64(2)}
	if deleted {
		metadata["deletionTimestamp"] = "2026-01-02T03:04:05Z"
	}
	conditions := []any{map[string]any{"type": "Ready", "status": ready, "reason": reason, "message": "text"}}
	if abnormal != "" {
		conditions = append(conditions, map[string]any{"type": abnormal, "status": "True", "reason": reason, "message": "text"})
	}
	return map[string]any{"metadata": metadata, "status": map[string]any{"observedGeneration": observed, "conditions": conditions}}
}

// TestOf_LittleToGoBy has the script wait where there is no status to read, as under an older CRD.
func TestOf_LittleToGoBy(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]any{
		"no status":              nil,
		"an empty status":        map[string]any{},
		"no conditions":          map[string]any{"observedGeneration": int64(2)},
		"a condition of another": map[string]any{"observedGeneration": int64(2), "conditions": []any{map[string]any{"type": "Synced", "status": "True"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			object := map[string]any{"metadata": map[string]any{"generation": int64(2)}}
			if status != nil {
				object["status"] = status
			}
			health, err := Of(t.Context(), object)
			if err != nil || health.Status != "Progressing" || health.Message == "" {
				t.Errorf("health is %+v, %v", health, err)
			}
		})
	}
}

// TestActions runs the scripts behind Argo CD's menu.
func TestActions(t *testing.T) {
	t.Parallel()
	var actions struct {
		Discovery   string `json:"discovery.lua"`
		Definitions []struct {
			Name   string `json:"name"`
			Action string `json:"action.lua"`
		} `json:"definitions"`
	}
	require.NoError(t, yaml.UnmarshalStrict([]byte(argocd.Actions), &actions))
	if len(actions.Definitions) != 1 || actions.Definitions[0].Name != "reconcile" {
		t.Fatalf("the actions are %+v", actions.Definitions)
	}
	all := readFixtures(t, promptFixtures)
	for name, disabled := range map[string]bool{"published": false, "being-deleted": true} {
		offered, err := run(t.Context(), actions.Discovery, all[name])
		require.NoError(t, err)
		if got := at(offered, "reconcile", "disabled"); got != lua.LBool(disabled) {
			t.Errorf("%s: disabled is %v, want %v", name, got, disabled)
		}
	}
	changed, err := run(t.Context(), actions.Definitions[0].Action, all["published"])
	require.NoError(t, err)
	if got := at(changed, "metadata", "annotations", "lectern.dev/requestedAt"); got.Type() != lua.LTString {
		t.Errorf("the annotation is %v", got)
	}
}

func at(value lua.LValue, keys ...string) lua.LValue {
	for _, key := range keys {
		table, is := value.(*lua.LTable)
		if !is {
			return lua.LNil
		}
		value = table.RawGetString(key)
	}
	return value
}

// readFixtures returns the fixtures of a folder by name.
func readFixtures(t *testing.T, folder string) map[string]map[string]any {
	t.Helper()
	paths, err := filepath.Glob(folder + "/*.yaml")
	require.NoError(t, err)
	all := map[string]map[string]any{}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		object, err := decode(content)
		require.NoError(t, err)
		all[strings.TrimSuffix(filepath.Base(path), ".yaml")] = object
	}
	if len(all) == 0 {
		t.Fatal("no fixture was found")
	}
	return all
}

// decode reads YAML with whole numbers as int64, as the API server's JSON is read.
func decode(content []byte) (map[string]any, error) {
	raw, err := yaml.YAMLToJSON(content)
	if err != nil {
		return nil, err
	}
	var object unstructured.Unstructured
	err = object.UnmarshalJSON(raw)
	return object.Object, err
}
