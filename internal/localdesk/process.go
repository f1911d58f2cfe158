package localdesk

import (
	"os"
	"sync"

	"github.com/google/uuid"
)

// processName is which process began a request. One that is known to be gone is waited for by nobody; a mistake about that costs at
// most a request that counts, since a grant code is marked all the same.
type processName struct {
	Host string `json:"host"`
	PID  int    `json:"pid"`
	// Run tells a process from another one of the same number.
	Run string `json:"run"`
}

// thisProcess returns the name of this one.
var thisProcess = sync.OnceValue(func() processName {
	host, _ := os.Hostname() // without one nothing is known of others
	return processName{Host: host, PID: os.Getpid(), Run: uuid.NewString()}
})

// isGone reports whether the process has ended. Of two containers that have one host name, it may be wrong.
func (n processName) isGone() bool {
	this := thisProcess()
	switch {
	case n.Host == "" || n.Host != this.Host || n.PID <= 0:
		return false // another machine's, or another container's
	case n.PID == this.PID:
		return n.Run != this.Run
	}
	return !isRunning(n.PID)
}
