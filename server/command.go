package server

import (
	"log/slog"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

// Command is `lectern server`.
func Command() *cobra.Command {
	var opts Options
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Serve the prompts of the store to MCP clients",
		Long: "Serve the prompts of the store to MCP clients, over Streamable HTTP: all namespaces at /mcp, one at\n" +
			"/mcp/{namespace}. The server only reads; it goes on with what it holds when the database is away.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			cmd.SilenceUsage = true
			return Run(ctx, opts, version(), slog.Default())
		},
	}
	opts.AddFlags(cmd.Flags())
	return cmd
}

// version is the module's, as the build stamped it.
func version() string {
	if build, ok := debug.ReadBuildInfo(); ok && build.Main.Version != "" {
		return build.Main.Version
	}
	return "(devel)"
}
