// Lectern keeps an organisation's prompts as Kubernetes objects and serves them to agents over MCP.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // an image from scratch has no time zones

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/lectern-dev/lectern/controllers"
	"github.com/lectern-dev/lectern/internal/cli"
	"github.com/lectern-dev/lectern/server"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal kills what does not end by the first
	if err := newRootCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "lectern:", err)
		os.Exit(1)
	}
}

func newRootCommand() *cobra.Command {
	var level slog.Level
	c := &cobra.Command{
		Use:           "lectern",
		Short:         "Prompts as Kubernetes objects, served to agents over MCP",
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			if err := setFlagsFromEnvironment(c.Flags()); err != nil {
				return err
			}
			log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
			slog.SetDefault(log)
			ctrl.SetLogger(logr.FromSlogHandler(log.Handler()))
			klog.SetSlogLogger(log)
			return setKubernetesVerbosity(level)
		},
	}
	c.PersistentFlags().TextVar(&level, "log-level", slog.LevelInfo, "minimum log `level`: debug, info, warn, error")
	c.AddCommand(limitedByCgroup(controllers.Command(buildVersion())), limitedByCgroup(server.Command(buildVersion())),
		controllers.MigrateCommand(), controllers.ReleaseCommand(), controllers.SealCommand(), controllers.AuditCommand(),
		killableBySignal(cli.ValidateCommand()), killableBySignal(cli.RenderCommand()), killableBySignal(cli.CanICommand()),
		killableBySignal(cli.ConnectCommand()), cli.KeysCommand(), newVersionCommand())
	return c
}

// killableBySignal lets the first signal end a command: it holds nothing, and may be waiting for input.
func killableBySignal(c *cobra.Command) *cobra.Command {
	c.PreRun = func(*cobra.Command, []string) { signal.Reset(os.Interrupt, syscall.SIGTERM) }
	return c
}

// setFlagsFromEnvironment sets every flag that is not on the command line from LECTERN_<FLAG>. It skips what Kubernetes
// sets in every pod for a Service that happens to be called lectern-database.
func setFlagsFromEnvironment(flags *pflag.FlagSet) error {
	var failed error
	flags.VisitAll(func(f *pflag.Flag) {
		name := "LECTERN_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, ok := os.LookupEnv(name)
		if !ok || f.Changed || failed != nil || strings.HasPrefix(value, "tcp://") {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			failed = fmt.Errorf("%s: %w", name, err)
		}
	})
	return failed
}
