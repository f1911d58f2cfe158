package server

import (
	"log/slog"

	"github.com/spf13/cobra"
)

// Command returns `lectern server`, of a program of some version. It serves until the context of the command ends.
func Command(version string) *cobra.Command {
	var opts Options
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Serve the prompts of the store to MCP clients",
		Long: "Serve the prompts of the store to MCP clients, over Streamable HTTP: all namespaces at /mcp, one at\n" +
			"/mcp/{namespace}. What the tools that write ask for waits in the database for the controller; the server changes\n" +
			"no prompt itself. It goes on with what it holds when the database is away.\n\n" +
			"With --prompts DIR it needs neither database nor cluster: it serves the manifests in a folder, follows them as\n" +
			"they are edited, and here the tools that write edit them; connections to ServiceDesk Plus among them are served where\n" +
			"--sdp-credentials names their credentials. With --stdio it serves the client that started it, on\n" +
			"stdin and stdout, and ends with it.",
		Example: "  lectern server --prompts ./prompts --stdio",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := opts.Complete(cmd.Flags()); err != nil {
				return err
			}
			return Run(cmd.Context(), opts, version, slog.Default())
		},
	}
	opts.AddFlags(cmd.Flags())
	return cmd
}
