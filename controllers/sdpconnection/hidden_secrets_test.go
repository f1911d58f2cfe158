package sdpconnection

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// secretsAreNowhere: a fake that repeats what it is sent, in JSON, HTML and headers, and that refuses, throttles and hangs up, has the
// controller tell nobody a secret: not in logs of the most talkative level, status, events, metrics, rows, nor on the database's disk.
func secretsAreNowhere(t *testing.T, w *world) {
	canaries := map[string]string{
		"grant code": "1000.canarycode0canarycode1.canarycode2", "a wrong grant code": "1000.canarywrong0canarywrong1",
		"refresh token": "1000.canaryrefresh0canary.refresh1canary",
	}
	w.desk.AddGrantCode(w.clientID, canaries["grant code"])
	w.desk.AddRefreshToken(w.clientID, canaries["refresh token"])
	echoes := []sdptest.Fault{sdptest.EchoSecrets(400), sdptest.EchoSecretsHTML(500), sdptest.EchoSecrets(401)}
	w.create(t, w.credentialsSecret(map[string]string{v1alpha1.CredentialGrantCode: canaries["a wrong grant code"]}), w.newConnection(fast, func(c *v1alpha1.SDPConnection) { c.Spec.TokenSecretName = "helpdesk-token" }))
	w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonGrantCodeNeeded)
	for _, echo := range echoes {
		w.desk.Fail(echo.OfAccounts())
		w.setCredentials(t, map[string]string{v1alpha1.CredentialGrantCode: fmt.Sprintf("1000.canarywrong0canarywrong1%s%d", echo.ContentType[5:6], echo.Status)})
	}
	for _, echo := range echoes { // of ServiceDesk Plus itself, once there is a token
		w.desk.Fail(echo)
	}
	w.replaceCredentials(t, map[string]string{v1alpha1.CredentialGrantCode: canaries["grant code"]})
	require.Until(t, "it is ready", func() bool {
		var c v1alpha1.SDPConnection
		require.NoError(t, w.Client.Get(t.Context(), types.NamespacedName{Namespace: w.namespace, Name: "helpdesk"}, &c))
		w.ask(t, &c) // an outage is not waited for
		served := w.served(t)
		return served.Token != nil && w.desk.Count(sdptest.ToAPI) > len(echoes)
	})
	c := w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonConnected)
	canaries["exchanged refresh token"] = readManaged(w.getSecret(t, managedName(c))).RefreshToken.Reveal()
	canaries["first access token"] = w.openServed(t)
	w.setCredentials(t, map[string]string{v1alpha1.CredentialRefreshToken: canaries["refresh token"]})
	w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonConnected)
	w.desk.KillAccessTokens()
	w.reportRefusal(t)
	canaries["access token"], canaries["client secret"] = w.openServed(t), clientSecret

	seen := w.everythingButSecrets(t)
	for _, shown := range []string{"lectern_sdp_token_requests_total", "GrantCodeNeeded", "SDPOnDemand.requests", "Event occurred",
		`"operation":"exchange grant code"`, `"operation":"refresh token"`, `"connection":{"namespace":"` + w.namespace + `"`,
		`"outcome":"denied","errorKind":"invalid_code"`} {
		if !strings.Contains(seen, shown) {
			t.Errorf("%s is not there: this test sees too little", shown)
		}
	}
	if string(w.getSecret(t, "helpdesk-token").Data[tokenSecretToken]) != canaries["access token"] {
		t.Error("the Secret for other workloads does not have the access token: this test sees too little")
	}
	w.wantNowhere(t, seen, canaries)
}

// apiKeyIsNowhere is the same of an API key, one that is refused and one that is taken.
func apiKeyIsNowhere(t *testing.T, w *world) {
	canaries := map[string]string{"a wrong API key": "CANARY00-AP10-KEY0-0000-000000000009", "API key": apiKey}
	for _, echo := range []sdptest.Fault{sdptest.EchoSecrets(400), sdptest.EchoSecretsHTML(500), sdptest.EchoSecrets(401), sdptest.EchoSecretsHTML(404)} {
		w.desk.Fail(echo)
	}
	w.newPremises(t, canaries["a wrong API key"])
	require.Until(t, "the key is refused", func() bool {
		var c v1alpha1.SDPConnection
		require.NoError(t, w.Client.Get(t.Context(), types.NamespacedName{Namespace: w.namespace, Name: "helpdesk"}, &c))
		w.ask(t, &c) // an outage is not waited for
		ready := meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ConditionReady)
		return ready != nil && ready.Reason == v1alpha1.ReasonAPIKeyRefused
	})
	w.setCredentials(t, map[string]string{v1alpha1.CredentialAPIKey: apiKey})
	w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonConnected)
	seen := w.everythingButSecrets(t)
	for _, shown := range []string{v1alpha1.ReasonAPIKeyRefused, v1alpha1.ReasonAPIKeySealed} {
		if !strings.Contains(seen, shown) {
			t.Errorf("%s is not there: this test sees too little", shown)
		}
	}
	w.wantNowhere(t, seen, canaries)
}

// wantNowhere searches what was seen, and the disk of the database, for secrets.
func (w *world) wantNowhere(t *testing.T, seen string, canaries map[string]string) {
	t.Helper()
	for name, canary := range canaries {
		for _, form := range formsOf(canary) {
			if at := strings.Index(seen, form); at >= 0 {
				t.Errorf("the %s is shown: %.300q", name, seen[max(0, at-200):])
			}
		}
	}
	w.searchDisk(t, canaries)
}

// formsOf returns how a secret may be written.
func formsOf(secret string) []string {
	quoted, err := json.Marshal(secret)
	if err != nil {
		panic(err) // a text
	}
	return []string{
		secret, url.QueryEscape(secret), string(quoted[1 : len(quoted)-1]), hex.EncodeToString([]byte(secret)),
		strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(secret)), "="),
	}
}

// everythingButSecrets returns what people and programs can see of connections.
func (w *world) everythingButSecrets(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	all.WriteString(w.log.String())
	for _, list := range []client.ObjectList{&v1alpha1.SDPConnectionList{}, &eventsv1.EventList{}, &corev1.ConfigMapList{}} {
		require.NoError(t, w.Client.List(t.Context(), list, client.InNamespace(w.namespace)))
		text, err := json.Marshal(list)
		require.NoError(t, err)
		all.Write(text)
	}
	families, err := metrics.Registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		fmt.Fprintln(&all, family)
	}
	conn := pgtest.Connect(t, w.owner)
	for _, table := range []string{"sdp_connections", "oauth_tokens", "token_requests", "token_refusals", "field_lookups", "field_mappings"} {
		var rows string
		require.NoError(t, conn.QueryRow(t.Context(), fmt.Sprintf("select coalesce(string_agg(r::text, e'\n'), '') from %s r", table)).Scan(&rows))
		all.WriteString(rows)
	}
	return all.String()
}

// searchDisk searches the files of the database, its write-ahead log included, for anything that is to be sealed or not there.
func (w *world) searchDisk(t *testing.T, canaries map[string]string) {
	t.Helper()
	conn := pgtest.Connect(t, pgtest.AsSuperuser(t, w.owner))
	_, err := conn.Exec(t.Context(), "checkpoint")
	require.NoError(t, err)
	var folder string
	require.NoError(t, conn.QueryRow(t.Context(), "show data_directory").Scan(&folder))
	if _, err := os.Stat(folder); err != nil {
		if os.Getenv("LECTERN_TEST_DATABASE_URL") == "" {
			t.Fatalf("the disk of the database that this test started cannot be read: %v", err)
		}
		t.Logf("The disk of the database that was lent is not this machine's, so rows alone were searched: %v", err)
		return
	}
	searched, isThere := 0, false
	require.NoError(t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // Postgres removed it meanwhile
		}
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		searched += len(content)
		isThere = isThere || bytes.Contains(content, []byte(w.namespace))
		for name, canary := range canaries {
			if bytes.Contains(content, []byte(canary)) {
				t.Errorf("%s has the %s", path, name)
			}
		}
		return nil
	}))
	if !isThere {
		t.Error("the files do not have the connection's namespace: this test sees nothing")
	}
	t.Logf("Searched %d MiB of files", searched>>20)
}
