package cli

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/lectern-dev/lectern/internal/bridge"
)

// checkTimeout bounds --check.
const checkTimeout = 10 * time.Second

// ConnectCommand returns the command `lectern connect`.
func ConnectCommand() *cobra.Command {
	var tokenFile, caFile string
	var check bool
	cmd := &cobra.Command{
		Use:   "connect URL",
		Short: "Connect an MCP client on standard input and output with a server over HTTP",
		Long: "Connect an MCP client that starts this program with a server over HTTP. The token is read from its file before\n" +
			"each request, and again when the server refuses it: tokens of ServiceAccounts change every hour, headers that a\n" +
			"client is configured with do not. Messages go through as they are, of all revisions of MCP; what goes wrong is told\n" +
			"to the client and logged to standard error, without the token. With --check one request is made instead, and the\n" +
			"command ends with 0 if the server answers it, else with 1.",
		Example: "  lectern connect https://lectern.example.org/mcp --token-file ~/.lectern/token\n" +
			"  lectern connect http://lectern.lectern.svc/mcp/support --token-file /var/run/secrets/lectern/token --check",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			endpoint, err := bridge.ParseURL(args[0])
			if err != nil {
				return err
			}
			client, err := bridge.NewClient(caFile)
			if err != nil {
				return err
			}
			server := &bridge.Server{URL: endpoint, Client: client}
			if tokenFile != "" {
				server.ReadToken = func() (string, error) { return readToken(tokenFile) }
			}
			if check {
				return checkServer(cmd, server)
			}
			return bridge.New(server, slog.Default()).Serve(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&tokenFile, "token-file", "", "`path` of the bearer token; without it none is sent")
	flags.StringVar(&caFile, "ca-file", "", "`path` of the PEM certificates that verify the server's; those of the system if empty")
	flags.BoolVar(&check, "check", false, "make one request, and end with 0 if the server answers it")
	return cmd
}

func checkServer(cmd *cobra.Command, server *bridge.Server) error {
	ctx, cancel := context.WithTimeout(cmd.Context(), checkTimeout)
	defer cancel()
	name, err := server.Check(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", server.URL, err)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is served by %s\n", server.URL, name)
	return err
}
