package access

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// BenchmarkDecision is what a request pays for access when everything is in the caches: whose token it is, and may they read
// this prompt. The last benchmark is the HMAC of the token, which the first cannot do without.
func BenchmarkDecision(b *testing.B) {
	d := newWarmDecision(b)
	b.Run("Verify", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = d.Verify(context.Background(), d.token)
		}
	})
	b.Run("Review", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = d.Review(context.Background(), d.identity, d.question)
		}
	})
	b.Run("Both", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = d.decide()
		}
	})
	b.Run("HMAC", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			d.hashToken()
		}
	})
}

// warmDecision is a decision of which all is in the caches.
type warmDecision struct {
	*asker
	token    string
	identity Identity
	question Question
	key      []byte
}

func newWarmDecision(t testing.TB) *warmDecision {
	t.Helper()
	c := sharedCluster(t)
	account := c.createAccount(t)
	require.NoError(t, c.CreatePod(context.Background(), account, "agent-0"))
	c.grant(t, account, account.Namespace, "get")
	d := &warmDecision{asker: c.newAsker(t), key: make([]byte, 32)}
	d.stopped = time.Now()
	d.token = c.requestToken(t, account, testenv.TokenOptions{Audiences: []string{ours}, Pod: "agent-0"})
	d.identity = d.verify(t, d.token)
	d.question = Question{Verb: Get, Resource: Prompts, Namespace: account.Namespace, Name: "handover"}
	require.Eventually(t, func() error { return d.ReviewAgain(context.Background(), d.identity, d.question) })
	return d
}

func (d *warmDecision) decide() error {
	identity, err := d.Verify(context.Background(), d.token)
	if err != nil {
		return err
	}
	return d.Review(context.Background(), identity, d.question)
}

func (d *warmDecision) hashToken() []byte {
	mac := hmac.New(sha256.New, d.key)
	mac.Write([]byte(d.token))
	return mac.Sum(nil)
}

// TestDecisionCost holds how much a warm decision allocates, and logs its mean time as a ratio to the HMAC of the token.
func TestDecisionCost(t *testing.T) {
	d := newWarmDecision(t)
	require.NoError(t, d.decide())
	allocations := testing.AllocsPerRun(1000, func() { _ = d.decide() })
	ofHash := testing.AllocsPerRun(1000, func() { d.hashToken() })
	const rounds, each = 9, 2000
	var decision, hash time.Duration
	for range rounds { // in turns, so that what else the machine does falls on both
		began := time.Now()
		for range each {
			_ = d.decide()
		}
		middle := time.Now()
		for range each {
			d.hashToken()
		}
		decision, hash = decision+middle.Sub(began), hash+time.Since(middle)
	}
	t.Logf("a warm decision is %.2f × the HMAC-SHA256 of its token of %d bytes (%d ns : %d ns), and allocates %.0f times (%.0f)",
		float64(decision)/float64(hash), len(d.token), decision.Nanoseconds()/rounds/each, hash.Nanoseconds()/rounds/each, allocations, ofHash)
	if allocations > 6 && !testenv.RaceDetector {
		t.Errorf("a warm decision allocates %.0f times", allocations)
	}
}
