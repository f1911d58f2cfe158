package server

import (
	"log/slog"

	"github.com/spf13/cobra"
)

// Command is `lectern server`, of a program of some version. It serves until the context of the
// command ends.
func Command(version string) *cobra.Command {
	var opts Options
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Serve the prompts of the store to MCP clients",
		Long: "Serve the prompts of the store to MCP clients, over Streamable HTTP: all namespaces at /mcp, one at\n" +
			"/mcp/{namespace}. The server only reads; it goes on with what it holds when the database is away.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return Run(cmd.Context(), opts, version, slog.Default())
		},
	}
	opts.AddFlags(cmd.Flags())
	return cmd
}
