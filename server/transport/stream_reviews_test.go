package transport_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/access"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/transport"
)

// tokenMemory is for how long an API server was seen to let a token through whose ServiceAccount or pod was deleted.
const tokenMemory = 10900 * time.Millisecond

// cluster proves tokens and reviews streams as a Kubernetes would that is changed while they are open.
type cluster struct {
	mu sync.Mutex
	// deleted is when the account of every token was; away and denied are whether anybody answers and whether nothing is allowed.
	deleted      time.Time
	away, denied bool
	// expires is that of tokens, takes how long a proof takes, and groups are of whom a token proves.
	expires time.Time
	takes   time.Duration
	groups  []string
	// toolsChanged is what the next review says.
	toolsChanged bool

	// proofs are when tokens were proven again, atOnce how many at the same time, and reviewed how many streams together.
	proofs            []time.Time
	proving, atOnce   int
	reviewed, opening []int
}

func (c *cluster) identity(token string) access.Identity {
	return access.Identity{Subject: "system:serviceaccount:it:" + token, Groups: c.groups, Proof: access.ProofKubernetes, Expires: c.expires}
}

func (c *cluster) Verify(_ context.Context, token string) (access.Identity, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.identity(token), nil
}

func (c *cluster) VerifyAgain(ctx context.Context, token string) (access.Identity, error) {
	c.mu.Lock()
	c.proofs = append(c.proofs, time.Now())
	c.proving++
	c.atOnce = max(c.atOnce, c.proving)
	takes := c.takes
	c.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.proving--
	switch {
	case c.away || ctx.Err() != nil:
		return access.Identity{}, fmt.Errorf("dial secret: %w", access.ErrUnavailable)
	case !c.deleted.IsZero() && time.Since(c.deleted) > tokenMemory:
		return access.Identity{}, &access.InvalidTokenError{Reason: "no such account"}
	}
	return c.identity(token), nil
}

func (c *cluster) review(_ context.Context, streams []transport.Followed) ([]transport.StreamRights, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	rights := make([]transport.StreamRights, len(streams))
	for i := range rights {
		rights[i] = transport.StreamRights{Readable: !c.denied, ToolsChanged: c.toolsChanged}
	}
	if streams[0].Last == nil {
		c.opening = append(c.opening, len(streams))
		return rights, nil
	}
	c.reviewed = append(c.reviewed, len(streams))
	c.toolsChanged = false
	return rights, nil
}

func (c *cluster) change(how func(*cluster)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	how(c)
}

// endpointOf is a transport whose callers are those of a cluster.
func endpointOf(c *cluster) *transport.Handler {
	return transport.New(transport.Config{
		Server: everything(newProbe()), Authenticator: auth.NewBearer(auth.BearerOptions{Verifier: c}), MayFollow: followPrompts,
		Reprover: auth.NewReprover(c), ReviewStreams: c.review, KeepAlive: time.Hour,
	})
}

// recordedStream is a stream whose events are kept, and when it ended.
type recordedStream struct {
	*httptest.ResponseRecorder
	mu    sync.Mutex
	ended chan time.Time
	leave context.CancelFunc
}

func (s *recordedStream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ResponseRecorder.Write(p)
}

// events are those of the stream so far, without comments.
func (s *recordedStream) events() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var events []string
	for line := range bytes.Lines(s.Body.Bytes()) {
		if event, is := strings.CutPrefix(string(line), "data: "); is {
			events = append(events, strings.TrimSpace(event))
		}
	}
	return events
}

// openStream opens a stream with a token, inside a bubble.
func openStream(t *testing.T, endpoint http.Handler, token, filter string) *recordedStream {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	message := `{"jsonrpc":"2.0","id":7,"method":"subscriptions/listen","params":{"notifications":` + filter +
		`,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"a","version":"1"},` +
		`"io.modelcontextprotocol/clientCapabilities":{}}}}`
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/mcp", strings.NewReader(message))
	for name, value := range map[string]string{
		"Content-Type": "application/json", "Accept": "application/json, text/event-stream", "Authorization": "Bearer " + token,
		"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "subscriptions/listen",
	} {
		r.Header.Set(name, value)
	}
	stream := &recordedStream{ResponseRecorder: httptest.NewRecorder(), ended: make(chan time.Time, 1), leave: leave}
	go func() {
		endpoint.ServeHTTP(stream, r)
		stream.ended <- time.Now()
	}()
	return stream
}

const (
	finalResult = `{"jsonrpc":"2.0","id":7,"result":{"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"workshop","version":"v0"},` +
		`"io.modelcontextprotocol/subscriptionId":7},"resultType":"complete"}}`
	toolsToo = `{"toolsListChanged":true,"promptsListChanged":true}`
)

// TestStreamReviews_End measures how long after each change a stream ends, with its result. The change comes right after a
// review, or at any time in between.
func TestStreamReviews_End(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*cluster)
		within time.Duration
	}{
		"the account is deleted":         {func(c *cluster) { c.deleted = time.Now() }, 45 * time.Second},
		"nothing may be read any more":   {func(c *cluster) { c.denied = true }, 31 * time.Second},
		"the token proves somebody else": {func(c *cluster) { c.groups = []string{"other"} }, 31 * time.Second},
		"the API server is away":         {func(c *cluster) { c.away = true }, 46 * time.Second},
		"the API server hangs":           {func(c *cluster) { c.takes = time.Hour }, 46 * time.Second},
		"deleted, then away":             {func(c *cluster) { c.deleted, c.away = time.Now(), true }, 46 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var longest time.Duration
			for after := 30 * time.Second; after < 91*time.Second; after += 1500 * time.Millisecond {
				synctest.Test(t, func(t *testing.T) {
					c := &cluster{}
					endpoint := endpointOf(c)
					defer endpoint.Stop()
					stream := openStream(t, endpoint, "bot", toolsToo)
					<-time.After(after)
					c.change(tc.change)
					changed := time.Now()
					took := (<-stream.ended).Sub(changed)
					longest = max(longest, took)
					events := stream.events()
					if got := events[len(events)-1]; got != finalResult {
						t.Errorf("the last event is %s", got)
					}
				})
			}
			t.Logf("ended %.1f s after the change at the latest", longest.Seconds())
			if longest > tc.within {
				t.Errorf("a stream lived on for %s, of %s", longest, tc.within)
			}
		})
	}
}

// beforeReview is shorter than any stream waits for its first review.
const beforeReview = transport.DefaultReviewEvery/2 - time.Second

// TestStreamReviews_Expiry ends a stream with its token, without a review.
func TestStreamReviews_Expiry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{expires: time.Now().Add(beforeReview)}
		endpoint := endpointOf(c)
		defer endpoint.Stop()
		began := time.Now()
		stream := openStream(t, endpoint, "bot", toolsToo)
		if got := (<-stream.ended).Sub(began); got != beforeReview {
			t.Errorf("the stream ended after %s", got)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if events := stream.events(); events[len(events)-1] != finalResult || len(c.proofs) != 0 {
			t.Errorf("%d proofs, and events %v", len(c.proofs), events)
		}
	})
}

// TestStreamReviews_ShortOutage: a stream outlives one, and so does what it was not told meanwhile.
func TestStreamReviews_ShortOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{}
		endpoint := endpointOf(c)
		defer endpoint.Stop()
		stream := openStream(t, endpoint, "bot", toolsToo)
		<-time.After(29 * time.Second)
		c.change(func(c *cluster) { c.away = true })
		endpoint.NotifyPromptsChanged(func(context.Context, string) (bool, error) { return true, access.ErrUnavailable })
		<-time.After(12 * time.Second)
		if !endpoint.HasOwed() {
			t.Error("nothing is owed")
		}
		c.change(func(c *cluster) { c.away = false })
		if endpoint.NotifyOwed(everybody, nil) || endpoint.HasOwed() {
			t.Error("something is owed still")
		}
		c.change(func(c *cluster) { c.toolsChanged = true })
		<-time.After(time.Minute)
		want := []string{tagged("7", "subscriptions/acknowledged", `,"notifications":`+toolsToo), tagged("7", "prompts/list_changed", ""), tagged("7", "tools/list_changed", "")}
		got := stream.events()
		slices.Sort(got[1:])
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if endpoint.OpenStreams() != 1 {
			t.Error("the stream ended")
		}
		stream.leave()
		<-stream.ended
	})
}

// TestStreamReviews_Together: the streams of one token are one question, however many there are.
func TestStreamReviews_Together(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{}
		endpoint := endpointOf(c)
		defer endpoint.Stop()
		for range transport.DefaultStreamsPerCaller {
			openStream(t, endpoint, "bot", toolsToo)
		}
		<-time.After(5 * time.Minute)
		c.mu.Lock()
		defer c.mu.Unlock()
		t.Logf("%d streams for 5 minutes: proven again %d times", transport.DefaultStreamsPerCaller, len(c.proofs))
		if n := len(c.proofs); n < 9 || n > 12 {
			t.Errorf("the token was proven again %d times in 5 minutes", n)
		}
		for _, n := range c.reviewed {
			if n != transport.DefaultStreamsPerCaller {
				t.Errorf("a review was of %d streams", n)
			}
		}
	})
}
