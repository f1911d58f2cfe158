package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lectern-dev/lectern/internal/manifest"
	"github.com/lectern-dev/lectern/internal/prompt"
)

// errNoPrompt is what a file may have for want of a valid one.
var errNoPrompt = errors.New("there is no valid prompt")

// renderOptions is what `lectern render` is asked for.
type renderOptions struct {
	name        string
	arguments   []string
	includeDirs []string
}

// RenderCommand returns the command `lectern render`.
func RenderCommand() *cobra.Command {
	var asked renderOptions
	cmd := &cobra.Command{
		Use:   "render DIR|FILE|-",
		Short: "Show what a caller of a prompt in a file would get",
		Long: "Fill in the arguments of a prompt in a file and print its messages; the role stands before each when there\n" +
			"is more than one. The manifest must be valid. - is standard input.",
		Example: "  lectern render handover.yaml --arg ticket=INC-4711 --arg tone=brief --include-dir prompts/",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("name one folder or file with the prompt, not %d; - is standard input", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return asked.render(cmd.Context(), cmd.OutOrStdout(), cmd.InOrStdin(), args[0])
		},
	}
	cmd.Flags().StringArrayVar(&asked.arguments, "arg", nil, "`name=value` of an argument; may be given more than once")
	cmd.Flags().StringVar(&asked.name, "name", "", "`name` or namespace/name of the prompt, where the file has more than one")
	cmd.Flags().StringArrayVar(&asked.includeDirs, "include-dir", nil, "folder or file with prompts that may be included; may be given more than once")
	return cmd
}

func (r renderOptions) render(ctx context.Context, out io.Writer, in io.Reader, file string) error {
	values, err := r.parseArguments()
	if err != nil {
		return err
	}
	reader, err := manifest.NewReader()
	if err != nil {
		return err
	}
	files, unread, err := readFiles(ctx, in, []string{file})
	if err != nil {
		return err
	}
	more, _, err := readFiles(ctx, in, r.includeDirs)
	if err != nil {
		return err
	}
	set := reader.Read(dedupeFiles(slices.Concat(files, more))...)
	m, err := r.selectPrompt(set, files)
	if errors.Is(err, errNoPrompt) {
		return errors.Join(append([]error{err}, problemErrors(slices.Concat(unread, set.Problems, set.Foreign), files)...)...)
	}
	if err != nil {
		return err
	}
	compiled, problems := set.CompileAll()
	ready := compiled[m.Key()]
	if ready == nil {
		return errors.Join(append([]error{fmt.Errorf("prompt %s cannot be rendered", m.Key())}, problemErrors(problems, files)...)...)
	}
	template, err := prompt.NewTemplate(&ready.Document)
	if err != nil {
		return err
	}
	messages, err := template.Render(values)
	if err != nil {
		return err
	}
	return printMessages(out, messages)
}

// parseArguments reads --arg name=value.
func (r renderOptions) parseArguments() (map[string]string, error) {
	values := map[string]string{}
	for _, given := range r.arguments {
		name, value, ok := strings.Cut(given, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--arg %q is not name=value; write --arg name=value", given)
		}
		if _, twice := values[name]; twice {
			return nil, fmt.Errorf("--arg %s is given twice; give it once", name)
		}
		values[name] = value
	}
	return values, nil
}

// selectPrompt returns the prompt asked for, or the only one of the file.
func (r renderOptions) selectPrompt(set manifest.Set, files []manifest.File) (*manifest.Manifest, error) {
	var found []*manifest.Manifest
	var names []string
	for _, m := range set.Manifests {
		if !slices.ContainsFunc(files, func(f manifest.File) bool { return f.Name == m.File }) {
			continue
		}
		names = append(names, m.Key().String())
		if r.name == "" || r.name == m.Key().Name || r.name == m.Key().String() {
			found = append(found, m)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(names) == 0:
		return nil, errNoPrompt
	case len(found) == 0:
		return nil, fmt.Errorf("%w %s; there are %s", errNoPrompt, r.name, listNames(names))
	}
	return nil, fmt.Errorf("more than one prompt fits; choose one with --name: %s", listNames(names))
}

// listNames names some of many.
func listNames(names []string) string {
	const enough = 20
	if len(names) > enough {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:enough], ", "), len(names)-enough)
	}
	return strings.Join(names, ", ")
}

// problemErrors returns the problems of some files as errors.
func problemErrors(problems []manifest.Problem, files []manifest.File) []error {
	var all []error
	for _, p := range problems {
		if !p.Warning && slices.ContainsFunc(files, func(f manifest.File) bool { return f.Name == p.File }) {
			all = append(all, errors.New(p.String()))
		}
	}
	return all
}

// printMessages prints texts as they are, so that one message can be piped on.
func printMessages(out io.Writer, messages []prompt.Message) error {
	var b strings.Builder
	for i, m := range messages {
		if len(messages) > 1 {
			if i > 0 {
				b.WriteByte('\n')
			}
			fmt.Fprintf(&b, "--- %s\n", m.Role)
		}
		b.WriteString(m.Text)
		if !strings.HasSuffix(m.Text, "\n") && len(messages) > 1 {
			b.WriteByte('\n')
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}
