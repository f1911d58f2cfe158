package main

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/spf13/cobra"
)

// memoryLimitInterval is how often the limit of the cgroup is read again: that of a running pod can be changed.
const memoryLimitInterval = time.Minute

// limitedByCgroup has Go's memory limit follow that of the cgroup for as long as a command runs.
func limitedByCgroup(c *cobra.Command) *cobra.Command {
	c.PreRun = func(c *cobra.Command, _ []string) { followMemoryLimit(c.Context(), slog.Default()) }
	return c
}

// followMemoryLimit sets GOMEMLIMIT to nine tenths of what the cgroup allows, and says so once, unless GOMEMLIMIT is set in
// the environment. Without a limit nothing changes.
func followMemoryLimit(ctx context.Context, log *slog.Logger) {
	limit, err := memlimit.Set(memlimit.WithProvider(readCgroupLimit), memlimit.WithRefreshInterval(ctx, memoryLimitInterval))
	switch {
	case err != nil:
		log.Warn("The memory limit of the cgroup cannot be read; set GOMEMLIMIT", "err", err)
	case limit != math.MaxInt64:
		log.Info("Memory limit set", "bytes", limit)
	}
}

// readCgroupLimit returns the limit of the cgroup this process is in. Where there are no cgroups, nothing is limited.
func readCgroupLimit() (uint64, error) {
	limit, err := memlimit.FromCgroup()
	if errors.Is(err, memlimit.ErrCgroupsNotSupported) || errors.Is(err, memlimit.ErrNoCgroup) {
		return 0, memlimit.ErrNoLimit
	}
	return limit, err
}
