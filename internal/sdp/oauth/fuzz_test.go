package oauth

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// FuzzAnswer: no answer of the token endpoint makes anything panic; a token is what has an access token, with a lifetime that can be
// slept; and nothing of an answer is in an error.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		`{"access_token":"1000.AAAA.BBBB","refresh_token":"1000.CCCC.DDDD","scope":"SDPOnDemand.requests.ALL SDPOnDemand.setup.READ","api_domain":"https://www.zohoapis.com","token_type":"Bearer","expires_in":3600}`,
		`{"access_token":"x","expires_in_sec":"3600","expires_in":3600000}`, `{"access_token":"x","expires_in":-1}`, `{"access_token":"x","expires_in":99999999999999999999}`,
		`{"access_token":{},"scope":[1]}`, `{"error":"invalid_client"}`, `{"error":"Access Denied","status":"failure"}`, `{"error":{"code":1}}`, `{"status":"success"}`, `<html>`, ``, `[]`, `null`,
	} {
		f.Add(200, []byte(body))
		f.Add(400, []byte(body))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		var fields map[string]json.RawMessage
		if json.Unmarshal(body, &fields) == nil {
			token, ok := readToken(fields)
			if ok == token.Access.IsZero() || ok && (token.Lifetime <= 0 || token.Lifetime > longestLifetime*time.Second) {
				t.Errorf("%v of %q", token, body)
			}
		}
		failed := &Error{Outcome: classifyAnswer(status, body), Status: status}
		if explanations[failed.Outcome] == "" {
			t.Errorf("%s is not explained", failed.Outcome)
		}
		if text := fmt.Sprintf("%v %+v", failed, failed); len(body) > 20 && strings.Contains(text, string(body)) {
			t.Errorf("an error quotes the answer: %s", text)
		}
	})
}
