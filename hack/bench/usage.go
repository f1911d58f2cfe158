package main

import (
	"fmt"

	"github.com/prometheus/procfs"
)

// processor is the CPU time a process has used, user and system, in seconds.
func processor(pid int) (float64, error) {
	process, err := procfs.NewProc(pid)
	if err != nil {
		return 0, fmt.Errorf("read the CPU time of process %d (this needs Linux): %w", pid, err)
	}
	stat, err := process.Stat()
	if err != nil {
		return 0, fmt.Errorf("read the CPU time of process %d: %w", pid, err)
	}
	return stat.CPUTime(), nil
}
