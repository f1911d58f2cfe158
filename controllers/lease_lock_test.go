package controllers

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// sharedLease is a Lease whose clock is the test's, which that of an API server is not.
type sharedLease struct {
	mu     sync.Mutex
	record *resourcelock.LeaderElectionRecord
}

// leaseClient is the Lease as one controller sees it.
type leaseClient struct {
	*sharedLease
	identity string
}

func (l leaseClient) Get(context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.record == nil {
		return nil, nil, apierrors.NewNotFound(schema.GroupResource{Resource: "leases"}, defaultLeaseName)
	}
	copied := *l.record
	raw, err := json.Marshal(copied)
	return &copied, raw, err
}

func (l leaseClient) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.Update(ctx, record)
}

func (l leaseClient) Update(_ context.Context, record resourcelock.LeaderElectionRecord) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.record = &record
	return nil
}

func (l leaseClient) RecordEvent(string) {}
func (l leaseClient) Identity() string   { return l.identity }
func (l leaseClient) Describe() string   { return "a lease of " + l.identity }

// TestPunctualLock has a leader fall silent, and looks when another one leads: never before the Lease has run out, and
// then at once.
func TestPunctualLock(t *testing.T) {
	t.Parallel()
	const lease, retry = 5 * time.Second, time.Second
	run := func(ctx context.Context, lock resourcelock.Interface, started func()) {
		elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
			Lock: &punctualLock{Interface: lock, retryPeriod: retry}, LeaseDuration: lease, RenewDeadline: 3 * time.Second, RetryPeriod: retry,
			Callbacks: leaderelection.LeaderCallbacks{OnStartedLeading: func(context.Context) { started() }, OnStoppedLeading: func() {}},
		})
		if err != nil {
			t.Error(err)
			return
		}
		elector.Run(ctx)
	}
	for name, tc := range map[string]struct {
		// standby says that the other one waits before the leader falls silent; else it comes then.
		standby bool
		longest time.Duration
	}{
		"a controller that comes when the leader is gone": {longest: lease + 10*time.Millisecond},
		// It saw the last renewal up to 2.2 retry periods after it was made.
		"a controller that stands by": {standby: true, longest: lease + 2200*time.Millisecond + 10*time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 50 { // client-go's jitter differs
				synctest.Test(t, func(t *testing.T) {
					shared := &sharedLease{}
					ctx, end := context.WithCancel(t.Context())
					defer end()
					var silent, led time.Time
					var took sync.WaitGroup
					took.Add(1)
					second := func() {
						run(ctx, leaseClient{shared, "second"}, func() { led = time.Now(); took.Done() })
					}
					leading, kill := context.WithCancel(ctx)
					go run(leading, leaseClient{shared, "first"}, func() {})
					synctest.Wait()
					if tc.standby {
						go second()
					}
					<-time.After(30*time.Second + 100*time.Millisecond)
					kill() // without release, as kill -9
					silent = time.Now()
					if !tc.standby {
						go second()
					}
					took.Wait()
					if waited := led.Sub(silent); waited < lease-retry || waited > tc.longest {
						t.Errorf("the other one leads %v after the end of the first, want %v at most", waited, tc.longest)
					}
					end()
				})
			}
		})
	}
}
