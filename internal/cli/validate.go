package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lectern-dev/lectern/internal/connectionobject"
	"github.com/lectern-dev/lectern/internal/manifest"
)

// errInvalid is what ends a validation that found problems; they are printed by then.
var errInvalid = errors.New("not valid")

// ValidateCommand returns the command `lectern validate`.
func ValidateCommand() *cobra.Command {
	var beside []string
	cmd := &cobra.Command{
		Use:   "validate DIR|FILE|-...",
		Short: "Check manifests of prompts and connections as a cluster would, without one",
		Long: "Check manifests of Prompts and SDPConnections against the schemas of the custom resources and their rules, compile\n" +
			"prompts, follow their includes, and look time zones up. What only kubectl apply --server-side refuses is a problem,\n" +
			"too. Objects of other kinds, Secrets with credentials among them, are passed over; one that cannot be read is a\n" +
			"problem, in which nothing of it is repeated. Each problem is printed as file:line:column: message; the command then\n" +
			"ends with 1, and also when there is neither a Prompt nor an SDPConnection. - is standard input.",
		Example: "  lectern validate prompts/\n  helm template prompts ./chart | lectern validate -",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("name a folder or a file to check; - is standard input")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return validateFiles(cmd.Context(), cmd.OutOrStdout(), cmd.InOrStdin(), args, beside)
		},
	}
	cmd.Flags().StringArrayVar(&beside, "include-dir", nil, "folder or file with prompts that may be included, themselves not checked; may be given more than once")
	return cmd
}

func validateFiles(ctx context.Context, out io.Writer, in io.Reader, names, beside []string) error {
	reader, err := manifest.NewReader()
	if err != nil {
		return err
	}
	files, problems, err := readFiles(ctx, in, names)
	if err != nil {
		return err
	}
	more, _, err := readFiles(ctx, in, beside)
	if err != nil {
		return err
	}
	checked := map[string]bool{}
	for _, f := range files {
		checked[f.Name] = true
	}
	set := reader.Read(dedupeFiles(slices.Concat(files, more))...)
	_, uncompiled := set.CompileAll()
	problems = slices.Concat(problems, set.Problems, uncompiled)
	problems = append(problems, inNamedFiles(set.Foreign, names)...)
	prompts, connections := 0, 0
	for _, m := range set.Manifests {
		if checked[m.File] {
			prompts++
			problems = append(problems, applySizeWarning(&m.Source)...)
		}
	}
	for _, m := range set.Connections {
		if checked[m.File] {
			connections++
			problems = append(problems, applySizeWarning(&m.Source)...)
			problems = append(problems, timeZoneProblem(m)...)
		}
	}
	problems = slices.DeleteFunc(problems, func(p manifest.Problem) bool { return len(beside) > 0 && !checked[p.File] && p.Line > 0 })
	manifest.SortProblems(problems)
	problems = slices.Compact(problems)
	if err := printProblems(out, problems, len(files)); err != nil {
		return err
	}
	if prompts+connections == 0 {
		return fmt.Errorf("no Prompt and no SDPConnection was found in %s", strings.Join(names, ", "))
	}
	_, err = fmt.Fprintf(out, "%s in %s, all valid\n", countManifests(prompts, connections), countOf(len(files), "file"))
	return err
}

// timeZoneProblem says that there is no such time zone: a cluster takes any name, and the controller refuses it.
func timeZoneProblem(m *manifest.ConnectionManifest) []manifest.Problem {
	err := connectionobject.CheckTimeZone(&m.Connection.Spec)
	if err == nil {
		return nil
	}
	return []manifest.Problem{{Place: m.FieldPlace("spec.timeZone"), Message: "spec.timeZone: " + err.Error()}}
}

// countManifests says how many there are of each kind that is there.
func countManifests(prompts, connections int) string {
	switch {
	case connections == 0:
		return countOf(prompts, "prompt")
	case prompts == 0:
		return countOf(connections, "connection")
	}
	return countOf(prompts, "prompt") + " and " + countOf(connections, "connection")
}

// printProblems prints what was found, and says how many there are.
func printProblems(out io.Writer, problems []manifest.Problem, files int) error {
	wrong := 0
	for _, p := range problems {
		if !p.Warning {
			wrong++
		}
		if _, err := fmt.Fprintln(out, p); err != nil {
			return err
		}
	}
	if wrong > 0 {
		return fmt.Errorf("%w: %s in %s", errInvalid, countOf(wrong, "problem"), countOf(files, "file"))
	}
	return nil
}

func countOf(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
