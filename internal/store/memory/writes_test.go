package memory_test

import (
	"sync"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/store/memory"
	"github.com/lectern-dev/lectern/internal/store/storetest"
)

func TestWrites(t *testing.T) {
	t.Parallel()
	storetest.RunWrites(t, func(*testing.T) storetest.WriteFixture {
		var mu sync.Mutex
		var later time.Duration
		writes := memory.NewWrites(func(int64) memory.WriteLimits { return memory.WriteLimits{MayWrite: true, PerHour: 60} })
		writes.SetClock(func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return time.Now().Add(later)
		})
		return storetest.WriteFixture{Store: writes, Connection: 1, Age: func(d time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			later += d
		}}
	})
}
