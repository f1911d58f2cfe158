package chart

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// trial is the value without which nothing renders.
const trial = "database.mode=trial"

// refusals are values that cannot work, by what is wrong with them, with how the answer begins.
var refusals = map[string]struct {
	set  []string
	want string
}{
	"no database": {nil, "database.mode=external needs database.external.controller.existingSecret: a Secret"},
	"no account of servers": {[]string{"database.external.controller.existingSecret=a"},
		"database.mode=external needs database.external.server.existingSecret: a Secret"},
	"roles without passwords": {[]string{"database.external.controller.existingSecret=a", "database.manageRoles=true"},
		"database.manageRoles=true needs database.external.firstPasswordsSecret: a Secret"},
	"one login role":          {[]string{trial, "database.manageRoles=true", "database.serverLoginRoles={a}"}, "database.serverLoginRoles"},
	"login roles of no group": {[]string{trial, "database.manageRoles=true", "database.serverRole="}, "database.manageRoles=true needs database.serverRole: the group role"},
	"passwords too often": {[]string{trial, "database.manageRoles=true", "database.serverPasswordInterval=9m59s"},
		"database.serverPasswordInterval is 9m59s; at least 10m is needed"},
	"a URL the servers must not see": {[]string{"database.external.controller.existingSecret=a", "database.external.controller.urlKey=uri", "database.manageRoles=true", "database.external.firstPasswordsSecret=b"},
		"with database.manageRoles=true and a connection string for the controller, the servers have to be told where the database is"},
	"a key of no Secret": {[]string{"database.external.controller.existingSecret=a", "database.external.host=h", "database.external.name=n", "database.manageRoles=true", "database.external.firstPasswordsSecret=b", "database.external.server.urlKey=uri"},
		"database.external.server.urlKey is a key of database.external.server.existingSecret, which is empty: set it"},
	"a URL and its parts": {[]string{"database.external.controller.existingSecret=a", "database.external.controller.urlKey=uri", "database.external.server.existingSecret=b", "database.external.server.urlKey=uri", "database.external.host=h"},
		"database.external.host, port, name and sslmode go with accounts in parts"},
	"a second URL without a first": {[]string{"database.external.controller.existingSecret=a", "database.external.server.existingSecret=b", "database.external.directURLKey=direct"},
		"database.external.directURLKey needs connection strings: set database.external.controller.urlKey"},
	"a value under both its names": {[]string{"database.external.controller.existingSecret=a", "database.external.controller.urlKey=uri", "database.external.server.existingSecret=b", "database.external.server.urlKey=uri", "database.external.directURLKey=direct", "database.external.listenURLKey=other"},
		"database.external.directURLKey is direct and listenURLKey, its name before 0.2.0, is other: leave out listenURLKey"},
	"two CAs": {[]string{"database.external.controller.existingSecret=a", "database.external.server.existingSecret=b", "database.external.ca.secretName=c", "database.external.ca.configMapName=c"},
		"database.external.ca has a Secret and a ConfigMap: leave out one"},
	"a trial nobody migrates": {[]string{trial, "controller.migrate=verify"}, "database.mode=trial needs controller.migrate=apply"},
	"two databases":           {[]string{trial, "database.external.server.existingSecret=b"}, "database.mode=trial has a database of its own: set database.mode=external"},
	"no issuer":               {[]string{trial, "auth.mode=oidc"}, "auth.mode=oidc needs auth.oidc.issuerURL"},
	"no prefixes":             {[]string{trial, "auth.mode=oidc", "auth.oidc.issuerURL=https://i"}, "auth.mode=oidc needs auth.oidc.usernamePrefix and groupsPrefix"},
	"no URL for clients": {[]string{trial, "auth.mode=oidc", "auth.oidc.issuerURL=https://i", "auth.oidc.usernamePrefix=-", "auth.oidc.groupsPrefix=-"},
		"auth.mode=oidc needs publicURL: the URL that clients use"},
	"an issuer nobody asks":     {[]string{trial, "auth.oidc.issuerURL=https://i"}, "auth.oidc.issuerURL is set, but auth.mode=kubernetes asks no issuer: set auth.mode=oidc"},
	"two certificates":          {[]string{trial, "tls.existingSecret=a", "tls.certManager.enabled=true"}, "tls.existingSecret and tls.certManager.enabled are two certificates: leave out one"},
	"a certificate of nobody":   {[]string{trial, "tls.certManager.enabled=true"}, "tls.certManager.enabled needs tls.certManager.issuerRef, as {name:"},
	"an Ingress without hosts":  {[]string{trial, "ingress.enabled=true"}, "ingress.enabled needs ingress.hosts"},
	"a route without a Gateway": {[]string{trial, "httpRoute.enabled=true"}, "httpRoute.enabled needs httpRoute.parentRefs: the Gateway, as [{name:"},
	"a policy of a later Kubernetes": {[]string{trial, "policies.finalizer.enabled=true", "--kube-version=1.35.9"},
		"policies.finalizer needs Kubernetes 1.36, and this is v1.35.9: leave it out"},
	"fewer pods than the fewest": {[]string{trial, "server.autoscaling.enabled=true", "server.autoscaling.minReplicas=3", "server.autoscaling.maxReplicas=2"},
		"server.autoscaling.minReplicas is more than maxReplicas"},
	"scaled by nothing": {[]string{trial, "server.autoscaling.enabled=true", "server.autoscaling.targetCPUUtilizationPercentage=null"},
		"server.autoscaling needs something to go by: set targetCPUUtilizationPercentage"},
	"no time to drain": {[]string{trial, "server.drainDelay=5s", "server.terminationGracePeriodSeconds=20"},
		"server.terminationGracePeriodSeconds is 20; it has to be more than 20: server.drainDelay"},
	"a default that is not watched": {[]string{trial, "watch.namespaces={a,b}", "server.defaultNamespace=c"},
		"server.defaultNamespace is c, which watch.namespaces does not have: add it there"},
	"connections that are not watched": {[]string{trial, "watch.namespaces={a,b}", "connections.namespaces={a,c}"},
		"connections.namespaces has c, which watch.namespaces does not have: add it there"},
	"rights for everybody": {[]string{trial, "server.serviceAccount.create=false"},
		"server.serviceAccount.create=false needs server.serviceAccount.name: rights are bound to it"},
	"a port for two":    {[]string{trial, "server.ports.mcp=9090"}, "server.ports has one port twice: give each listener one of its own"},
	"no time to let go": {[]string{trial, "uninstall.timeout=9s"}, "uninstall.timeout is 9s; give it at least 10s"},

	"a value that is not known":            {[]string{trial, "replicaz=2"}, "'replicaz' not allowed"},
	"a value that is not known, deep":      {[]string{trial, "server.replicaz=2"}, "'replicaz' not allowed"},
	"a value that is not known, deeper":    {[]string{trial, "database.trial.backup.daily=true"}, "'daily' not allowed"},
	"a value of another type":              {[]string{trial, "server.replicas=two"}, "/server/replicas"},
	"a word that is none of those allowed": {[]string{trial, "auth.mode=ldap"}, "/auth/mode"},
	"a host with a path":                   {[]string{trial, "sdp.allowedHosts={desk.example.org/api}"}, "/sdp/allowedHosts/0"},
	"a proxy with a password":              {[]string{trial, "sdp.proxy=http://a:b@proxy"}, "/sdp/proxy"},
}

// TestValues_Refused has what would not run refused before it is installed, with what to do instead, and each refusal of the
// templates got by a case.
func TestValues_Refused(t *testing.T) {
	t.Parallel()
	var answers sync.Map
	t.Run("cases", func(t *testing.T) {
		for name, tc := range refusals {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r := release{"lectern", "lectern-system", lecternChart, nil}
				for _, set := range tc.set {
					if !strings.HasPrefix(set, "--") {
						set = "--set=" + set
					}
					r.args = append(r.args, set)
				}
				_, err := r.template(t.Context(), programs["helm"])
				if err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Fatalf("want %q: %v", tc.want, err)
				}
				answers.Store(err.Error(), true)
			})
		}
	})
	text, err := os.ReadFile(filepath.Join(lecternChart, "templates", "validate.yaml"))
	require.NoError(t, err)
	refusals := regexp.MustCompile(`fail (?:\(printf )?"([^"]*)"`).FindAllStringSubmatch(string(text), -1)
	if len(refusals) < 20 {
		t.Fatalf("only %d refusals were found", len(refusals))
	}
	for _, refusal := range refusals {
		said := regexp.MustCompile(regexp.MustCompile(`%[sd]`).ReplaceAllString(regexp.QuoteMeta(refusal[1]), `\S+`))
		tried := false
		for answer := range answers.Range {
			tried = tried || said.MatchString(answer.(string))
		}
		if !tried {
			t.Errorf("no case gets %q", refusal[1])
		}
	}
}

// TestDependency renders the chart below another one, under an alias and twice, behind a condition, with the values global and
// enabled that helm gives it there.
func TestDependency(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "umbrella")
	require.NoError(t, os.CopyFS(folder, os.DirFS("testdata/umbrella")))
	_, err := run(exec.CommandContext(t.Context(), programs["helm"], "package", lecternChart, "--destination="+filepath.Join(folder, "charts")))
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		set  string
		want map[string]bool // Deployments
	}{
		"one":  {"prompts.enabled=true", map[string]bool{"portal-prompts-controller": true, "portal-prompts-server": true}},
		"none": {"prompts.enabled=false", nil},
		"both": {"drafts.enabled=true", map[string]bool{
			"portal-prompts-controller": true, "portal-prompts-server": true, "portal-drafts-controller": true, "portal-drafts-server": true,
		}},
		"another": {"prompts.enabled=false,drafts.enabled=true", map[string]bool{"portal-drafts-controller": true, "portal-drafts-server": true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := release{"portal", "portal", folder, []string{"--set=" + tc.set}}.render(t)
			got := map[string]bool{}
			for _, object := range parseObjects(t, text) {
				if object.GetKind() == "Deployment" {
					got[object.GetName()] = true
				}
			}
			if !maps.Equal(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

// TestInstallPage has the values that docs/install.md gives render, and its overlay be the one that is built and compared.
func TestInstallPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/install.md")
	require.NoError(t, err)
	overlay, err := os.ReadFile("testdata/connections/kustomization.yaml")
	require.NoError(t, err)
	values, overlays := 0, 0
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		switch {
		case strings.HasPrefix(block[1], "resources:"):
			overlays++
			if !strings.HasSuffix(strings.ReplaceAll(string(overlay), "../../../../", ""), block[1]) {
				t.Errorf("the overlay of the page is not that of testdata/connections:\n%s", block[1])
			}
			continue
		case !strings.HasPrefix(block[1], "# values.yaml"):
			continue
		}
		values++
		file := filepath.Join(t.TempDir(), "values.yaml")
		require.NoError(t, os.WriteFile(file, []byte(block[1]), 0o600))
		args := []string{"--values=" + file}
		if !strings.Contains(block[1], "mode:") {
			args = append(args, "--set="+trial)
		}
		if _, err := (release{"lectern", "lectern-system", lecternChart, args}).template(t.Context(), programs["helm"]); err != nil {
			t.Errorf("values %d: %v", values, err)
		}
	}
	if values != 2 || overlays != 1 {
		t.Errorf("%d blocks of values and %d overlays; want those of a database and of OpenShift, and that of connections", values, overlays)
	}
}
