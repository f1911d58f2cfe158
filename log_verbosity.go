package main

import (
	"flag"
	"log/slog"
	"strconv"

	"k8s.io/klog/v2"
)

// setKubernetesVerbosity has the Kubernetes client log what a level below debug asks for: debug-5 is its V(9).
func setKubernetesVerbosity(level slog.Level) error {
	if level >= slog.LevelDebug {
		return nil
	}
	var flags flag.FlagSet
	klog.InitFlags(&flags)
	return flags.Set("v", strconv.Itoa(-int(level)))
}
