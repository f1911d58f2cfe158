package controllers

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/lectern-dev/lectern/internal/store/postgres"
)

// MigrateCommand returns `lectern migrate`.
func MigrateCommand() *cobra.Command {
	database := postgres.Options{ApplicationName: "lectern-migrate"}
	var m postgres.MigrateOptions
	var printRoles bool
	c := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database schema up to date and grant the servers' role its rights",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if printRoles {
				_, err := fmt.Fprint(c.OutOrStdout(), postgres.RolesSQL)
				return err
			}
			if err := database.Validate(); err != nil {
				return err
			}
			database.Log = slog.Default()
			result, err := postgres.Migrate(c.Context(), database, m)
			if err != nil {
				return err
			}
			if result.From == result.To {
				fmt.Fprintf(c.OutOrStdout(), "The schema is up to date at version %d.\n", result.To)
			} else {
				fmt.Fprintf(c.OutOrStdout(), "The schema went from version %d to %d.\n", result.From, result.To)
			}
			if m.NewEpoch {
				fmt.Fprintln(c.OutOrStdout(), "A new epoch began: every server drops what it holds and reads it again.")
			}
			if m.AdoptCluster {
				fmt.Fprintln(c.OutOrStdout(), "The database belongs to no cluster now; the next controller to start claims it.")
			}
			return nil
		},
	}
	database.AddFlags(c.Flags())
	c.Flags().StringVar(&m.ServerRole, "server-role", "", "database role of the servers, granted what they need; empty grants nothing")
	c.Flags().BoolVar(&printRoles, "print-roles", false, "print the script for psql that makes the database and its roles, and do nothing else")
	c.Flags().DurationVar(&m.LockTimeout, "lock-timeout", 10*time.Minute, "how long to wait for other migrations, and for sessions that use a table the migration changes")
	c.Flags().BoolVar(&m.NewEpoch, "new-epoch", false, "begin a new epoch: run this after a restore, so that servers reload")
	c.Flags().BoolVar(&m.AdoptCluster, "adopt-cluster", false, "forget which cluster the database belongs to; the next controller claims it")
	return c
}
