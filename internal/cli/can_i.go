package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/lectern-dev/lectern/internal/access"
)

const (
	// maxNamespaces is how many namespaces are asked about unless they are named.
	maxNamespaces = 500
	// questionsAtATime are asked beside each other.
	questionsAtATime = 16
)

// errDenied ends a question whose answer is no; it is printed by then.
var errDenied = errors.New("the caller may not")

// canIOptions are the flags of `lectern can-i`.
type canIOptions struct {
	access     access.Options
	tokenFile  string
	as         string
	asGroups   []string
	namespaces []string
	output     string
}

// CanICommand returns the command `lectern can-i`.
func CanICommand() *cobra.Command {
	o := canIOptions{access: access.Options{Mode: access.ModeKubernetes}}
	cmd := &cobra.Command{
		Use:   "can-i [VERB [NAMESPACE/NAME]]",
		Short: "Say what a caller may do over MCP, and why not",
		Long: "Say what a caller may do over MCP, by the questions a server asks Kubernetes, with the rights of your kubeconfig:\n" +
			"it must be allowed to create subjectaccessreviews, and with --token-file tokenreviews. The caller is whoever the token\n" +
			"proves, or the user of --as. Without a verb all are asked, for all namespaces and then for each. With one, the\n" +
			"command ends with 0 for yes and 1 for no. Verbs are " + strings.Join(verbNames(), ", ") + ".",
		Example: "  lectern can-i --token-file token --audience http://lectern.lectern.svc/mcp\n" +
			"  lectern can-i get support/handover --as system:serviceaccount:agents:triage\n" +
			"  lectern can-i list -n support --as anna --as-group staff -o json",
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			questions, err := o.parseArguments(args)
			if err != nil {
				return err
			}
			return o.answerQuestions(cmd, questions)
		},
	}
	flags := cmd.Flags()
	o.access.AddFlags(flags)
	o.access.AddKubeconfigFlag(flags)
	flags.StringVar(&o.tokenFile, "token-file", "", "`path` of the caller's token, which is printed nowhere; tell by --auth and --audience what the server accepts")
	flags.StringVar(&o.as, "as", "", "`user` who is the caller, such as system:serviceaccount:NAMESPACE:NAME, instead of a token")
	flags.StringSliceVar(&o.asGroups, "as-group", nil, "`group` of that user; may be repeated")
	flags.StringSliceVarP(&o.namespaces, "namespace", "n", nil, "`namespace` to ask about, instead of all; may be repeated")
	flags.StringVarP(&o.output, "output", "o", outputTable, "`format`: table or json")
	return cmd
}

func verbNames() []string {
	var names []string
	for _, served := range access.ServedVerbs() {
		names = append(names, string(served.Verb))
	}
	return names
}

// parseArguments returns the question of a command line, or none where everything is asked.
func (o *canIOptions) parseArguments(args []string) ([]access.Question, error) {
	switch {
	case (o.tokenFile == "") == (o.as == ""):
		return nil, errors.New("say who the caller is: either --token-file or --as")
	case o.as == "" && len(o.asGroups) > 0:
		return nil, errors.New("--as-group needs --as")
	case o.output != outputTable && o.output != outputJSON:
		return nil, fmt.Errorf("--output is %q; it can be %s or %s", o.output, outputTable, outputJSON)
	case len(args) == 0:
		return nil, nil
	}
	at := slices.IndexFunc(access.ServedVerbs(), func(s access.ServedVerb) bool { return string(s.Verb) == args[0] })
	if at < 0 {
		return nil, fmt.Errorf("verb %q is not one of %s", args[0], strings.Join(verbNames(), ", "))
	}
	served := access.ServedVerbs()[at]
	question := access.Question{Verb: served.Verb, Resource: served.Resource}
	if len(args) == 2 {
		namespace, name, found := strings.Cut(args[1], "/")
		switch {
		case !served.HasName:
			return nil, fmt.Errorf("%s is asked of a namespace, not of an object: name it with -n", served.Verb)
		case len(o.namespaces) > 0:
			return nil, errors.New("-n and NAMESPACE/NAME both name a namespace: leave out one")
		case !found || namespace == "" || name == "" || strings.Contains(name, "/"):
			return nil, fmt.Errorf("%q is not NAMESPACE/NAME", args[1])
		}
		question.Namespace, question.Name = namespace, name
		return []access.Question{question}, nil
	}
	return inNamespaces(question, o.namespaces), nil
}

// inNamespaces returns the question for each namespace, or for all at once where none is named.
func inNamespaces(question access.Question, namespaces []string) []access.Question {
	if len(namespaces) == 0 {
		return []access.Question{question}
	}
	questions := make([]access.Question, len(namespaces))
	for i, namespace := range namespaces {
		questions[i] = question
		questions[i].Namespace = namespace
	}
	return questions
}

// answerQuestions asks and prints. Without questions, everything is asked.
func (o *canIOptions) answerQuestions(cmd *cobra.Command, questions []access.Question) error {
	if o.tokenFile != "" {
		if err := o.access.Validate(); err != nil {
			return err
		}
	}
	if o.access.Mode == access.ModeNone {
		return errors.New("with --auth=none everybody may everything; there is nobody to ask")
	}
	ctx := cmd.Context()
	opened, err := access.Open(ctx, o.access, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer opened.Close()
	identity, err := o.identify(ctx, opened)
	if err != nil {
		return err
	}
	out := &rightsReport{Subject: identity.Subject, Groups: identity.Groups, Proof: string(identity.Proof)}
	if len(questions) > 0 {
		out.Rights, err = explainAll(ctx, opened, identity, questions)
	} else {
		err = o.askEverything(ctx, opened, identity, out)
	}
	if err != nil {
		return err
	}
	out.addNotes()
	if err := out.print(cmd.OutOrStdout(), o.output, len(questions) > 0); err != nil {
		return err
	}
	if len(questions) > 0 && slices.ContainsFunc(out.Rights, func(r right) bool { return !r.Allowed }) {
		return errDenied
	}
	return nil
}

// identify returns who the caller is.
func (o *canIOptions) identify(ctx context.Context, opened *access.Access) (access.Identity, error) {
	if o.as != "" {
		return access.NewImpersonated(o.as, o.asGroups), nil
	}
	token, err := readToken(o.tokenFile)
	if err != nil {
		return access.Identity{}, err
	}
	identity, err := opened.Verifier.VerifyAgain(ctx, token)
	if err != nil {
		return access.Identity{}, fmt.Errorf("find out whom --token-file proves: %w", err)
	}
	return identity, nil
}

// askEverything asks for all namespaces, and then about those verbs that are denied there in each namespace.
func (o *canIOptions) askEverything(ctx context.Context, opened *access.Access, identity access.Identity, out *rightsReport) error {
	var questions []access.Question
	for _, served := range access.ServedVerbs() {
		questions = append(questions, access.Question{Verb: served.Verb, Resource: served.Resource})
	}
	everywhere, err := explainAll(ctx, opened, identity, questions)
	if err != nil {
		return err
	}
	out.Rights = everywhere
	namespaces := o.namespaces
	if len(namespaces) == 0 && slices.ContainsFunc(everywhere, func(r right) bool { return !r.Allowed }) {
		var more bool
		namespaces, more, err = opened.ListNamespaces(ctx, maxNamespaces)
		switch {
		case errors.Is(err, access.ErrDenied):
			out.Notes = append(out.Notes, "Your kubeconfig may not list namespaces: name those to ask about with -n.")
		case err != nil:
			return err
		case more:
			out.Notes = append(out.Notes, fmt.Sprintf("Only the first %d namespaces were asked about: name others with -n.", maxNamespaces))
		}
	}
	questions = questions[:0]
	for _, namespace := range namespaces {
		for _, r := range everywhere {
			if !r.Allowed {
				questions = append(questions, access.Question{Verb: r.Verb, Resource: r.Resource, Namespace: namespace})
			}
		}
	}
	found, err := explainAll(ctx, opened, identity, questions)
	out.Rights = append(out.Rights, found...)
	out.Namespaces = namespaces
	return err
}

// explainAll asks some questions at a time, past every cache.
func explainAll(ctx context.Context, opened *access.Access, identity access.Identity, questions []access.Question) ([]right, error) {
	found := make([]right, len(questions))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(questionsAtATime)
	for i, question := range questions {
		group.Go(func() error {
			var err error
			if found[i], err = explainOne(ctx, opened, identity, question); err != nil {
				return fmt.Errorf("ask Kubernetes: %w; does your kubeconfig reach it, and may it create subjectaccessreviews?", err)
			}
			return nil
		})
	}
	return found, group.Wait()
}

// explainOne asks as a server does: about get, too, where a verb is of no use without.
func explainOne(ctx context.Context, opened *access.Access, identity access.Identity, question access.Question) (right, error) {
	decision, err := opened.Explain(ctx, identity, question)
	if err != nil {
		return right{}, err
	}
	found := newRight(identity.Subject, question, decision)
	if !found.Allowed || !needsGet(question.Verb) {
		return found, nil
	}
	get := question
	get.Verb = access.Get
	if decision, err = opened.Explain(ctx, identity, get); err != nil || decision.Allowed {
		return found, err
	}
	found.Allowed, found.Grant = false, bindingCommand(identity.Subject, access.Get, question.Namespace)
	found.Reason = fmt.Sprintf("%s is allowed, but get is not, and what a caller may not get does not exist for them", question.Verb)
	return found, nil
}

func needsGet(verb access.Verb) bool {
	return slices.ContainsFunc(access.ServedVerbs(), func(s access.ServedVerb) bool { return s.Verb == verb && s.NeedsGet })
}
