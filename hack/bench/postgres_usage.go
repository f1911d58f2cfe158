package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/procfs"
)

// postmasterOf returns the process all backends of a Postgres are children of.
func postmasterOf(ctx context.Context, url string) (pid int, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, fmt.Errorf("find the process of Postgres: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var backend int
	if err := conn.QueryRow(ctx, "select pg_backend_pid()").Scan(&backend); err != nil {
		return 0, fmt.Errorf("find the process of Postgres: %w", err)
	}
	process, err := procfs.NewProc(backend)
	if err != nil {
		return 0, fmt.Errorf("find the process of Postgres (one in a container is not seen from here): %w", err)
	}
	stat, err := process.Stat()
	if err != nil {
		return 0, fmt.Errorf("find the process of Postgres: %w", err)
	}
	return stat.PPID, nil
}

// postgresTime returns the CPU time all processes of a Postgres have used, those that ended included, in seconds.
func postgresTime(postmaster int) (float64, error) {
	all, err := procfs.AllProcs()
	if err != nil {
		return 0, fmt.Errorf("read the CPU time of Postgres: %w", err)
	}
	const ticks = 100 // a second, as everywhere on Linux
	var total float64
	for _, process := range all {
		stat, err := process.Stat()
		if err != nil {
			continue // it ended meanwhile
		}
		switch {
		case process.PID == postmaster:
			total += stat.CPUTime() + float64(stat.CUTime+stat.CSTime)/ticks
		case stat.PPID == postmaster:
			total += stat.CPUTime()
		}
	}
	return total, nil
}
