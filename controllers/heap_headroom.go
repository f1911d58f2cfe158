package controllers

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// heapHeadroom is what the heap may grow by before Go collects it, while that is no less than leastGrowth of it, in percent.
	heapHeadroom = 12 << 20
	// leastGrowth and mostGrowth bound the percentage.
	leastGrowth, mostGrowth = 20, 100
	// headroomInterval is the time between two looks at how much is alive.
	headroomInterval = time.Second
)

// heapGrowth returns by how many percent a heap of which so many bytes are alive may grow. What a controller with many prompts holds
// is nearly all alive: with Go's own 100 half of its memory would be what is not.
func heapGrowth(live uint64) int {
	return int(min(max(heapHeadroom*100/max(live, 1), leastGrowth), mostGrowth))
}

// heapTuner has Go collect the heap by heapGrowth, unless GOGC in the environment says otherwise.
type heapTuner struct{}

// collectEarly begins with the least, since the first list of all objects is when most is allocated.
func collectEarly() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(leastGrowth)
	}
}

// NeedLeaderElection lets every replica do so.
func (heapTuner) NeedLeaderElection() bool { return false }

// Start follows what is alive until ctx ends.
func (heapTuner) Start(ctx context.Context) error {
	if os.Getenv("GOGC") != "" {
		return nil
	}
	tick := time.NewTicker(headroomInterval)
	defer tick.Stop()
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for growth := leastGrowth; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		metrics.Read(live)
		if wanted := heapGrowth(live[0].Value.Uint64()); wanted != growth { // setting it stops the world for a moment
			growth = wanted
			debug.SetGCPercent(growth)
		}
	}
}
