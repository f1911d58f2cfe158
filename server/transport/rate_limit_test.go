package transport_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/transport"
)

// slow lets a caller ask once and then hardly ever again.
func slow(c *transport.Config) {
	c.Authenticator = anybody{}
	c.Rates = auth.NewRateLimiter(auth.Limits{PromptsPerSecond: 0.001, CompletionsPerSecond: 0.01})
}

// TestHandler_LimitsRates: what is too much is said in the terms of JSON-RPC, with when to try again, to clients of every
// revision; a notification has no answer and gets a status.
func TestHandler_LimitsRates(t *testing.T) {
	t.Parallel()
	const tooMany = "200 429 too many requests of this caller; try again in "
	complete := request{RPC: "completion/complete", Params: map[string]any{
		"ref": map[string]any{"type": "ref/prompt", "name": "ask"}, "argument": map[string]any{"name": "a", "value": ""},
	}}
	for name, tc := range map[string]struct {
		first, second request
		want          string
	}{
		"a request":                 {request{RPC: "prompts/list"}, request{RPC: "prompts/list"}, tooMany + "1000 s"},
		"of an older client":        {request{RPC: "prompts/list", Legacy: true}, request{RPC: "prompts/list", Legacy: true}, tooMany + "1000 s"},
		"any other":                 {request{RPC: "prompts/list"}, request{RPC: "server/discover"}, tooMany + "1000 s"},
		"one there is not":          {request{RPC: "prompts/burn"}, request{RPC: "prompts/list"}, tooMany + "1000 s"},
		"completions":               {complete, complete, tooMany + "100 s"},
		"a stream":                  {request{RPC: "prompts/list"}, request{RPC: "subscriptions/listen", Params: map[string]any{"notifications": map[string]any{}}}, tooMany + "1000 s"},
		"a notification":            {request{RPC: "prompts/list"}, request{Body: `{"jsonrpc":"2.0","method":"notifications/initialized"}`}, "429 too many requests of this caller; try again in 1000 s"},
		"after a notification":      {request{Body: `{"jsonrpc":"2.0","method":"notifications/initialized"}`}, request{RPC: "prompts/list"}, tooMany + "1000 s"},
		"what is no message":        {request{RPC: "prompts/list"}, request{Body: `nonsense`}, "429 429 too many requests of this caller; try again in 1000 s"},
		"after what is no message":  {request{Body: `nonsense`}, request{RPC: "prompts/list"}, tooMany + "1000 s"},
		"a large body, left unread": {request{RPC: "prompts/list"}, request{Body: strings.Repeat(" ", 1<<20)}, "429 429 too many requests of this caller; try again in 1000 s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			replica := workshop(t, slow)
			replica.Send(t, tc.first)
			reply := replica.Send(t, tc.second)
			if got := reply.Failure(t); got != tc.want {
				t.Errorf("got %s\nwant %s", got, tc.want)
			}
			if reply.Status == http.StatusTooManyRequests && reply.Header.Get("Retry-After") == "" && !strings.Contains(reply.Body, "retryAfterSeconds") {
				t.Errorf("nothing says when to try again: %v %s", reply.Header, reply.Body)
			}
			if strings.HasPrefix(tc.want, "200") && !strings.Contains(reply.Body, `"retryAfterSeconds":`) {
				t.Error(reply.Body)
			}
		})
	}
	t.Run("completions do not count as prompts", func(t *testing.T) {
		t.Parallel()
		replica := workshop(t, slow)
		replica.Send(t, complete)
		if reply := replica.Send(t, request{RPC: "prompts/list"}); strings.Contains(reply.Body, "429") {
			t.Error(reply.Body)
		}
	})
}
