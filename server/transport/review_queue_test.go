package transport

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/internal/access"
	"github.com/lectern-dev/lectern/server/auth"
)

// slowVerifier takes its time for each token, and keeps when it was asked and how much at once.
type slowVerifier struct {
	takes time.Duration

	mu             sync.Mutex
	asked          []time.Time
	asking, atOnce int
}

func (v *slowVerifier) Verify(_ context.Context, token string) (access.Identity, error) {
	return access.Identity{Subject: token}, nil
}

func (v *slowVerifier) VerifyAgain(ctx context.Context, token string) (access.Identity, error) {
	v.mu.Lock()
	v.asked = append(v.asked, time.Now())
	v.asking++
	v.atOnce = max(v.atOnce, v.asking)
	v.mu.Unlock()
	<-time.After(v.takes)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.asking--
	return access.Identity{Subject: token}, ctx.Err()
}

// TestStreamReviews_Spread: 10,000 streams of as many callers that came at once are not as many questions at once, then or
// later; and more than can be asked in time end, rather than live on.
func TestStreamReviews_Spread(t *testing.T) {
	t.Parallel()
	const streams = 10_000
	for name, tc := range map[string]struct {
		takes     time.Duration
		mostEnded int
	}{
		"20 ms for each":                   {20 * time.Millisecond, 0},
		"80 ms for each, more than can be": {80 * time.Millisecond, streams / 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				verifier := &slowVerifier{takes: tc.takes}
				authenticator := auth.NewBearer(auth.BearerOptions{Verifier: verifier})
				stopping, stop := context.WithCancel(t.Context())
				reviews := newStreamReviews(stopping, &Config{
					Reprover: auth.NewReprover(verifier), ReviewEvery: DefaultReviewEvery, Log: slog.New(slog.DiscardHandler),
					ReviewStreams: func(_ context.Context, followed []Followed) ([]StreamRights, error) {
						return []StreamRights{{Readable: len(followed) == 1}}, nil
					},
				})
				began := time.Now()
				subscribed := newSubscriptions(streams, streams)
				open := make([]*subscriber, streams)
				for i := range open {
					r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/mcp", nil)
					r.Header.Set("Authorization", fmt.Sprintf("Bearer bot%d", i))
					ctx, err := authenticator.Authenticate(r)
					if err != nil {
						t.Fatal(err)
					}
					ctx, end := context.WithCancel(ctx)
					open[i] = newSubscriber(ctx, subscribed, "")
					open[i].end = end
					open[i].setFilter(mcp.SubscriptionFilter{PromptsListChanged: true})
					reviews.join(ctx, open[i])
					context.AfterFunc(ctx, func() { reviews.leave(open[i]) })
				}
				<-time.After(2 * time.Minute)
				verifier.mu.Lock()
				inSecond, most, ended := make(map[time.Duration]int), 0, 0
				for _, at := range verifier.asked {
					second := at.Sub(began).Truncate(time.Second)
					inSecond[second]++
					most = max(most, inSecond[second])
				}
				for _, one := range open {
					if one.ctx.Err() != nil {
						ended++
					}
				}
				t.Logf("%d streams: %d proofs in 2 minutes, at most %d in a second and %d at the same time; %d streams ended",
					streams, len(verifier.asked), most, verifier.atOnce, ended)
				if most > streams/12 || verifier.atOnce > reviewsAtATime || ended > tc.mostEnded || tc.mostEnded > 0 && ended == 0 {
					t.Errorf("at most %d in a second and %d at the same time; %d ended", most, verifier.atOnce, ended)
				}
				verifier.mu.Unlock()
				stop()
				for _, one := range open {
					one.end()
				}
				<-time.After(time.Second) // what is asked now is answered
				reviews.mu.Lock()
				defer reviews.mu.Unlock()
				if len(reviews.callers) > 0 || len(reviews.waiting) > 0 {
					t.Errorf("%d callers are kept, %d wait", len(reviews.callers), len(reviews.waiting))
				}
			})
		})
	}
}

// awayVerifier is one that can verify tokens, and nobody again.
type awayVerifier struct{ slowVerifier }

func (v *awayVerifier) VerifyAgain(context.Context, string) (access.Identity, error) {
	return access.Identity{}, auth.ErrUnavailable
}

// TestStreamReviews_EveryLeaseEnds: a stream that comes with a token while the streams of the same token end, since nobody could
// be asked for too long, ends in time like them.
func TestStreamReviews_EveryLeaseEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		verifier := &awayVerifier{}
		authenticator := auth.NewBearer(auth.BearerOptions{Verifier: verifier})
		reviews := newStreamReviews(t.Context(), &Config{
			Reprover: auth.NewReprover(verifier), ReviewEvery: DefaultReviewEvery, Log: slog.New(slog.DiscardHandler),
			ReviewStreams: func(context.Context, []Followed) ([]StreamRights, error) { return nil, auth.ErrUnavailable },
		})
		subscribed := newSubscriptions(2, 2)
		open := func() *subscriber {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/mcp", nil)
			r.Header.Set("Authorization", "Bearer bot")
			ctx, err := authenticator.Authenticate(r)
			if err != nil {
				t.Fatal(err)
			}
			ctx, end := context.WithCancel(ctx)
			one := newSubscriber(ctx, subscribed, "")
			one.end = end
			reviews.join(ctx, one)
			return one
		}
		first := open()
		<-first.ctx.Done()
		second := open() // before the first one is closed
		reviews.leave(first)
		opened := time.Now()
		select {
		case <-second.ctx.Done():
			t.Logf("the second stream ended after %s", time.Since(opened))
		case <-time.After(time.Hour):
			t.Error("the second stream lives on without anybody being asked")
		}
		reviews.leave(second)
		reviews.mu.Lock()
		defer reviews.mu.Unlock()
		if len(reviews.callers) > 0 || len(reviews.waiting) > 0 {
			t.Errorf("%d callers are kept, %d wait", len(reviews.callers), len(reviews.waiting))
		}
	})
}
