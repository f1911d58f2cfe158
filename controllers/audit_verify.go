package controllers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/lectern-dev/lectern/internal/store/postgres"
)

// shownAuditProblems is how many problems `lectern audit verify` prints unless it is told otherwise, and maxAuditProblems how many at most.
const shownAuditProblems, maxAuditProblems = 100, 1_000_000

// AuditCommand returns `lectern audit`.
func AuditCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Check the audit in the database", Args: cobra.NoArgs}
	cmd.AddCommand(auditVerifyCommand())
	return cmd
}

func auditVerifyCommand() *cobra.Command {
	database, problems := postgres.Options{ApplicationName: "lectern-audit"}, shownAuditProblems
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check that no row of the audit was changed or is missing",
		Long: "Check that no row of the audit was changed or is missing: each against the row before it in its chain, and against the anchors that\n" +
			"the controller writes hourly. A role that may read all columns is needed: the controller's, or one that only reads. The exit\n" +
			"code is 1 when something is wrong. Rows that were lost before they were loaded are missing, too; the log of their server says why.",
		Example: "  lectern audit verify --database-url=postgres://reader@db/lectern",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := database.Validate(); err != nil {
				return err
			}
			if problems < 1 || problems > maxAuditProblems {
				return fmt.Errorf("--problems is %d; it is from 1 to %d", problems, maxAuditProblems)
			}
			database.Log = slog.Default()
			return verifyAudit(cmd.Context(), database, problems, cmd.OutOrStdout())
		},
	}
	database.AddFlags(cmd.Flags())
	cmd.Flags().IntVar(&problems, "problems", problems, "maximum number of problems to print, the oldest first")
	return cmd
}

var errAuditProblems = errors.New("the audit is not as it was written")

func verifyAudit(ctx context.Context, database postgres.Options, problems int, out io.Writer) error {
	s, err := postgres.Open(ctx, database)
	if err != nil {
		return err
	}
	defer s.Close()
	v, err := s.VerifyAudit(ctx, problems)
	if err != nil {
		return err
	}
	for _, problem := range v.Problems {
		fmt.Fprintln(out, problem)
	}
	if v.More {
		fmt.Fprintf(out, "There are more; these are the first %d; --problems prints others.\n", problems)
	}
	if len(v.Problems) > 0 {
		return errAuditProblems
	}
	_, err = fmt.Fprintf(out, "%d rows in %d chains are as they were written, and agree with %d anchors.\n", v.Rows, v.Chains, v.Anchors)
	return err
}
