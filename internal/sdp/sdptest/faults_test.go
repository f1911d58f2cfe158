package sdptest

import (
	"context"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// attempt sends a call that may get no answer.
func (x *caller) attempt(r *http.Request) error {
	client := &http.Client{}
	defer client.CloseIdleConnections()
	answered, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answered.Body.Close()
	_, err = io.ReadAll(answered.Body)
	return err
}

func (x *caller) waitForCall(match func(Call) bool) {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(x.t.Context(), wait.Patience)
	defer cancel()
	if _, err := x.server.WaitForCalls(ctx, 1, match); err != nil {
		x.t.Fatal(err)
	}
}

// TestFaults holds each fault, and that a write may be done though its caller got no answer.
func TestFaults(t *testing.T) {
	t.Parallel()
	create := `{"request":{"subject":"made once"}}`
	run(t, map[string]paragraph{
		"6.9 the next calls, of a path": {assert: func(x *caller) {
			x.server.Fail(Throttled(429).RetryAfter(30*time.Second).To("GET", "/requests").Times(2))
			x.get("/priorities", "").want(200, 2000)
			if got := x.get("/requests", "").want(429, 4015); got.header.Get("Retry-After") != "30" {
				x.t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
			}
			x.get("/requests", "").want(429, 4015)
			x.get("/requests", "").want(200, 2000)
		}},
		"6.9 without Retry-After, and 400": {assert: func(x *caller) {
			x.server.Fail(Throttled(429), Throttled(400), Blocked())
			if got := x.get("/requests", "").want(429, 4015); got.header.Get("Retry-After") != "" {
				x.t.Error("Retry-After was sent")
			}
			x.get("/requests", "").want(400, 4015)
			x.get("/requests", "").want(429, 4015)
		}},
		"6.9 5xx and HTML until stopped": {assert: func(x *caller) {
			x.server.Fail(ServerError(500), ServerError(503).Times(-1))
			x.get("/requests", "").want(500, 4004)
			x.get("/requests", "").wantHTML(503)
			x.get("/requests", "").wantHTML(503)
			x.server.StopFailing()
			x.get("/requests", "").want(200, 2000)
		}},
		"6.9 chosen call by call": {assert: func(x *caller) {
			x.server.FailBy(func(c Call) *Fault {
				if c.Method == http.MethodPost {
					f := Refused(4008, "subject")
					return &f
				}
				return nil
			})
			x.get("/requests", "").want(200, 2000)
			x.post("/requests", create).want(400, 4008, "subject")
		}},
		"4.25 a write that got no answer was made": {assert: func(x *caller) {
			x.server.Fail(DropAfterWrite().Writes())
			if err := x.attempt(x.request("POST", "/requests", create)); err == nil {
				x.t.Error("an answer came")
			}
			x.list("/requests", `"search_criteria":{"field":"subject","condition":"is","value":"made once"}`).wantSubjects("made once")
			calls := x.server.Calls(Wrote)
			if len(calls) != 1 || !calls[0].Dropped || calls[0].Status != 0 || calls[0].Fault != "dropped after" {
				x.t.Errorf("journal: %+v", calls)
			}
		}},
		"6.9 a write that got no answer was not made": {assert: func(x *caller) {
			x.server.Fail(DropBeforeWrite())
			if err := x.attempt(x.request("POST", "/requests", create)); err == nil {
				x.t.Error("an answer came")
			}
			x.list("/requests", `"search_criteria":{"field":"subject","condition":"is","value":"made once"}`).wantSubjects()
		}},
		"6.9 an error after the write": {assert: func(x *caller) {
			x.server.Fail(ServerError(502).AfterWrite())
			x.post("/requests", create).wantHTML(502)
			x.list("/requests", `"search_criteria":{"field":"subject","condition":"is","value":"made once"}`).wantSubjects("made once")
		}},
		"6.9 slow, and made after the caller left": {assert: func(x *caller) {
			proceed, left := make(chan struct{}), make(chan error)
			x.server.Fail(Held(proceed))
			ctx, leave := context.WithCancel(x.t.Context())
			go func() { left <- x.attempt(x.request("POST", "/requests", create).WithContext(ctx)) }()
			x.waitForCall(To("POST", "/requests"))
			leave()
			if err := <-left; !errors.Is(err, context.Canceled) {
				x.t.Errorf("the call ended with %v", err)
			}
			x.list("/requests", `"search_criteria":{"field":"subject","condition":"is","value":"made once"}`).wantSubjects()
			close(proceed)
			x.waitForCall(Wrote)
			x.list("/requests", `"search_criteria":{"field":"subject","condition":"is","value":"made once"}`).wantSubjects("made once")
		}},
		"6.9 slow by time, and an answer that waits": {assert: func(x *caller) {
			answer, got := make(chan struct{}), make(chan error)
			x.server.Fail(Slow(time.Millisecond), HeldAnswer(answer))
			x.get("/requests", "").want(200, 2000)
			go func() { got <- x.attempt(x.request("POST", "/requests", create)) }()
			if err := wait.Until(x.t.Context(), func(context.Context) error {
				if x.server.IDOf("requests", "made once") == "" {
					return errors.New("the request is not made")
				}
				return nil
			}); err != nil {
				x.t.Fatal(err)
			}
			if n := x.server.Count(Wrote); n != 0 {
				x.t.Errorf("%d answers are known", n)
			}
			close(answer)
			if err := <-got; err != nil {
				x.t.Error(err)
			}
		}},
		"6.9 HTTP 200 failures": {assert: func(x *caller) {
			x.server.Fail(FailureWithOK(4012))
			x.get("/requests", "").want(200, 4012).wantAt("response_status.status", "failed")
		}},
		"6.9 secrets are echoed": {assert: func(x *caller) {
			token := x.header.Get("Authorization")
			x.server.Fail(EchoSecrets(500), EchoSecretsHTML(400))
			for range 2 {
				got := x.get("/requests", "")
				if !strings.Contains(got.text, token) || !strings.Contains(got.header.Get("X-Debug-Request"), token) {
					x.t.Errorf("not echoed: %s", got.text)
				}
			}
			x.server.Fail(EchoSecrets(400).OfAccounts())
			refresh := x.server.RefreshToken()
			if got := x.refresh(refresh); !strings.Contains(got.text, refresh) || !strings.Contains(got.text, x.server.Options().ClientSecret) {
				x.t.Errorf("not echoed: %s", got.text)
			}
		}},
	})
}

// TestJournal holds what is written down of a call, without secrets.
func TestJournal(t *testing.T) {
	t.Parallel()
	run(t, map[string]paragraph{
		"6.10 what a call was": {assert: func(x *caller) {
			x.server.ForgetCalls()
			x.post("/requests", `{"request":{"subject":"x"}}`).want(201, 2000)
			x.get("/requests/1", "").want(404, 4007)
			calls := x.server.Calls(ToAPI)
			if len(calls) != 2 {
				x.t.Fatalf("%d calls", len(calls))
			}
			got := calls[0]
			if diff := cmp.Diff(Record{"request": Record{"subject": "x"}}, got.Input); diff != "" {
				x.t.Errorf("input (-want +got):\n%s", diff)
			}
			if got.Path != "/app/itdesk/api/v3/requests" || got.Method != "POST" || got.Status != 201 || got.Code != 2000 || !got.Wrote || !got.Done || !got.At.Equal(morning) || got.InQuery {
				x.t.Errorf("call %+v", got)
			}
			if !strings.Contains(strings.Join(got.Headers, " "), "Authorization") || strings.Join(got.Fields, " ") != "input_data" {
				x.t.Errorf("names %v, %v", got.Headers, got.Fields)
			}
			if calls[1].Code != 4007 || calls[1].Status != 404 || calls[1].Wrote {
				x.t.Errorf("call %+v", calls[1])
			}
		}},
		"6.10 no secrets": {assert: func(x *caller) {
			o, refresh, code := x.server.Options(), x.server.RefreshToken(), x.server.GrantCode()
			x.server.AddAPIKey("canary-key", "tech@example.org", time.Time{})
			access := x.refresh(refresh).string("access_token")
			x.exchange(code, nil).wantToken()
			x.post("/requests", `{"request":{"subject":"`+access+` and canary-key"}}`).want(201, 2000)
			x.accounts("/oauth/v2/token/revoke?token="+refresh, nil)
			x.get("/requests?"+access+"=1", "").want(400, 4001)
			x.get("/"+access, "")
			all := fmt.Sprintf("%+v", x.server.Calls(nil))
			for _, secret := range []string{refresh, code, access, o.ClientSecret, "canary-key", x.header.Get("Authorization")} {
				if strings.Contains(all, secret) {
					x.t.Errorf("the journal has %s", secret)
				}
			}
			if n := x.server.Count(Grants("refresh_token")); n != 1 {
				x.t.Errorf("%d refreshes", n)
			}
		}},
		"6.10 the busiest minute": {assert: func(x *caller) {
			for range 6 {
				x.get("/requests", "").want(200, 2000)
				x.clock.Advance(20 * time.Second)
			}
			if n := x.server.Busiest(time.Minute, ToAPI); n != 4 {
				x.t.Errorf("%d calls in the busiest minute", n)
			}
		}},
		"6.10 bounded": {options: Options{JournalSize: 10}, assert: func(x *caller) {
			for range 25 {
				x.get("/requests", "").want(200, 2000)
			}
			if calls := x.server.Calls(nil); len(calls) > 10 || calls[len(calls)-1].Number != 25 {
				x.t.Errorf("%d calls are kept", len(calls))
			}
		}},
		"6.10 read while calls run": {assert: func(x *caller) {
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					for range 20 {
						if err := x.attempt(x.request("GET", "/requests", "")); err != nil {
							x.t.Error(err)
						}
						x.server.Calls(func(c Call) bool { return len(c.Input) > 0 })
						x.server.Change(func(o *Options) { o.Site.PriorityLocked = !o.Site.PriorityLocked })
					}
				})
			}
			all.Wait()
			if n := x.server.Count(To("", "/requests")); n != 160 {
				x.t.Errorf("%d calls", n)
			}
		}},
	})
}

// TestRecords holds what tests do behind the API's back.
func TestRecords(t *testing.T) {
	t.Parallel()
	x := start(t, empty)
	id := x.server.Add("requests", Record{"subject": "x", "group": "Network", "requester": "ana@example.org"})
	x.server.AddTo("requests", id, "notes", Record{"description": "y", "created_by": "tech@example.org"})
	x.get("/requests/"+id+"/notes", "").wantAt("notes.0.created_by.name", "Tom Tech")
	x.clock.Advance(time.Minute)
	x.server.Set("requests", id, Record{"technician": "omar@example.org"})
	x.get("/requests/"+id, "").wantAt("request.technician.name", "Omar Ops").wantAt("request.last_updated_time.value", "1760000060000")
	x.server.SetGroupMembers("Network", "tech@example.org")
	x.put("/requests/"+id, `{"request":{"technician":{"email_id":"omar@example.org"}}}`).want(400, 4001, "technician")
	if got := x.server.Record("requests", id)["subject"]; got != "x" {
		t.Errorf("subject %v", got)
	}
	x.server.SetScopes("SDPOnDemand.setup.READ")
	x.get("/requests", "").want(401, 4002)
	x.server.Remove("requests", id)
	if x.server.Record("requests", id) != nil {
		t.Error("the record is still there")
	}
}

// TestPackage_CostsAProgramNothing holds that a program which has the fake in it loads nothing for it:
// the standard library alone, no package testing or net/http/httptest, no variables, no init.
func TestPackage_CostsAProgramNothing(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, content, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, imported := range parsed.Imports {
			path := strings.Trim(imported.Path.Value, `"`)
			if strings.Contains(path, ".") || path == "testing" || path == "net/http/httptest" {
				t.Errorf("%s imports %s", name, path)
			}
		}
		for line := range strings.SplitSeq(string(content), "\n") {
			if strings.HasPrefix(line, "var ") || strings.HasPrefix(line, "func init()") {
				t.Errorf("%s: %s", name, line)
			}
		}
	}
}
