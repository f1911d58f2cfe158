package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/lectern-dev/lectern/internal/access"
)

// The formats of a report.
const (
	outputTable = "table"
	outputJSON  = "json"
)

// rightsReport is what a caller may do.
type rightsReport struct {
	Subject string   `json:"subject"`
	Groups  []string `json:"groups"`
	// Proof is "none" for a user who was named instead of proven.
	Proof  string   `json:"proof"`
	Rights []right  `json:"rights"`
	Notes  []string `json:"notes,omitempty"`
	// Namespaces are those that were asked about.
	Namespaces []string `json:"-"`
}

// right is the answer to one question.
type right struct {
	Verb     access.Verb     `json:"verb"`
	Resource access.Resource `json:"resource"`
	// Namespace is absent for all of them, Name for every object.
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	Allowed   bool   `json:"allowed"`
	// Reason is Kubernetes' own: with RBAC it names the binding that allows.
	Reason string `json:"reason,omitempty"`
	// Grant is a command that would allow it.
	Grant    string   `json:"grant,omitempty"`
	Surfaces []string `json:"surfaces"`
}

func newRight(subject string, question access.Question, decision access.Decision) right {
	r := right{
		Verb: question.Verb, Resource: question.Resource, Namespace: question.Namespace, Name: question.Name,
		Allowed: decision.Allowed, Reason: decision.Reason, Surfaces: surfacesOf(question.Verb),
	}
	if !r.Allowed {
		r.Grant = bindingCommand(subject, question.Verb, question.Namespace)
	}
	return r
}

func surfacesOf(verb access.Verb) []string {
	for _, served := range access.ServedVerbs() {
		if served.Verb == verb {
			return append([]string{}, served.Surfaces...)
		}
	}
	return []string{}
}

// joinSurfaces returns what asks for a right, in words.
func joinSurfaces(surfaces []string) string {
	return strings.Join(surfaces, ", ")
}

// bindingCommand returns how a subject is granted a verb with kubectl, by the smallest role that is installed with Lectern, or for audit
// by the one that is made by hand.
func bindingCommand(subject string, verb access.Verb, namespace string) string {
	role := "lectern-edit"
	switch verb {
	case access.Get, access.List, access.Use:
		role = "lectern-agent"
	case access.Operate:
		role = "lectern-technician"
	case access.Promote:
		role = "lectern-promoter"
	case access.Audit:
		role = "lectern-auditor"
	}
	to := "--user=" + quoteForShell(subject)
	if account, is := strings.CutPrefix(subject, "system:serviceaccount:"); is {
		to = "--serviceaccount=" + quoteForShell(account)
	}
	if namespace == "" {
		return fmt.Sprintf("kubectl create clusterrolebinding NAME --clusterrole=%s %s", role, to)
	}
	return fmt.Sprintf("kubectl create rolebinding NAME --namespace=%s --clusterrole=%s %s", quoteForShell(namespace), role, to)
}

// quoteForShell quotes what a POSIX shell would not take as it is.
func quoteForShell(text string) string {
	isPlain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@,+", r)
	}
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !isPlain(r) }) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// addNotes says what a right does not mean.
func (o *rightsReport) addNotes() {
	asksAbout := func(verb access.Verb) bool {
		return slices.ContainsFunc(o.Rights, func(r right) bool { return r.Verb == verb })
	}
	if asksAbout(access.Promote) || asksAbout(access.Patch) {
		o.Notes = append(o.Notes, "promote guards channels that name a version. What follows the newest version changes with every patch: latest, "+
			"a channel without a version, and an include that is not pinned ({{> name}} instead of {{> name@3}}).")
	}
	if asksAbout(access.Promote) || asksAbout(access.Delete) {
		o.Notes = append(o.Notes, "delete_prompt of a prompt that has channels takes promote, too: a deletion removes them.")
	}
	if asksAbout(access.Create) || asksAbout(access.Patch) || asksAbout(access.Delete) || asksAbout(access.Promote) {
		o.Notes = append(o.Notes, "a right to write is no promise: objects that kubectl, Helm, Argo CD or Flux own are changed over MCP only where "+
			"their annotation lectern.dev/agents allows it.")
	}
	if asksAbout(access.Audit) {
		o.Notes = append(o.Notes, "audit was asked about for prompts; for sdpconnections it shows what was done through those. No role with it is installed, "+
			"it is made by hand: kubectl create clusterrole lectern-auditor --verb=audit --resource=prompts.lectern.dev,sdpconnections.lectern.dev")
	}
}

func (o *rightsReport) print(out io.Writer, format string, asked bool) error {
	if format == outputJSON {
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(o)
	}
	w := &strings.Builder{}
	if asked {
		o.writeAnswers(w)
	} else {
		o.writeTable(w)
	}
	for _, note := range o.Notes {
		fmt.Fprintf(w, "note: %s\n", note)
	}
	_, err := io.WriteString(out, w.String())
	return err
}

// writeAnswers writes yes or no for each question, with the reason, as kubectl auth can-i does.
func (o *rightsReport) writeAnswers(w io.Writer) {
	for _, r := range o.Rights {
		answer := "yes"
		if !r.Allowed {
			answer = "no"
		}
		if len(o.Rights) > 1 {
			answer = r.Namespace + ": " + answer
		}
		if r.Reason != "" {
			answer += " - " + r.Reason
		}
		fmt.Fprintln(w, answer)
		if r.Grant != "" {
			fmt.Fprintf(w, "to allow it: %s\n", r.Grant)
		}
	}
	fmt.Fprintf(w, "%s is asked for by: %s\n", o.Rights[0].Verb, joinSurfaces(o.Rights[0].Surfaces))
}

// writeTable writes a row for all namespaces and one for each in which more is allowed.
func (o *rightsReport) writeTable(w io.Writer) {
	fmt.Fprintf(w, "caller: %s\ngroups: %s\n\n", o.Subject, strings.Join(o.Groups, ", "))
	rows := map[string]map[access.Verb]right{}
	for _, r := range o.Rights {
		if rows[r.Namespace] == nil {
			rows[r.Namespace] = map[access.Verb]right{}
		}
		rows[r.Namespace][r.Verb] = r
	}
	everywhere := rows[""]
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "NAMESPACE\t%s\n", strings.ToUpper(strings.Join(verbNames(), "\t")))
	without := 0
	for _, namespace := range append([]string{""}, o.Namespaces...) {
		cells, allowed := []string{namespace}, namespace == ""
		if namespace == "" {
			cells[0] = "(all)"
		}
		for _, served := range access.ServedVerbs() {
			cell := "no"
			if everywhere[served.Verb].Allowed || rows[namespace][served.Verb].Allowed {
				cell = "yes"
			}
			allowed = allowed || rows[namespace][served.Verb].Allowed
			cells = append(cells, cell)
		}
		if allowed {
			fmt.Fprintln(table, strings.Join(cells, "\t"))
		} else {
			without++
		}
	}
	_ = table.Flush() // into memory
	if without > 0 {
		fmt.Fprintf(w, "and %s with no more than (all)\n", countOf(without, "namespace"))
	}
	o.writeReasons(w)
	fmt.Fprintln(w, "\nasked for by:")
	for _, served := range access.ServedVerbs() {
		fmt.Fprintf(w, "  %s: %s\n", served.Verb, joinSurfaces(served.Surfaces))
	}
}

// writeReasons writes each reason for an allow once, and how what is denied everywhere could be allowed in a namespace.
func (o *rightsReport) writeReasons(w io.Writer) {
	var reasons, grants []string
	verbs := map[string][]string{}
	allowed := map[access.Verb]bool{}
	for _, r := range o.Rights {
		if !r.Allowed {
			continue
		}
		allowed[r.Verb] = true
		reason := r.Reason
		if reason == "" {
			reason = "Kubernetes gives no reason"
		}
		if verbs[reason] == nil {
			reasons = append(reasons, reason)
		}
		if !slices.Contains(verbs[reason], string(r.Verb)) {
			verbs[reason] = append(verbs[reason], string(r.Verb))
		}
	}
	if len(reasons) > 0 {
		fmt.Fprintln(w, "\nallowed by:")
	}
	for _, reason := range reasons {
		fmt.Fprintf(w, "  %s: %s\n", strings.Join(verbs[reason], ", "), reason)
	}
	for _, served := range access.ServedVerbs() {
		grant := bindingCommand(o.Subject, served.Verb, "NAMESPACE")
		if !allowed[served.Verb] && !slices.Contains(grants, grant) {
			grants = append(grants, grant)
		}
	}
	if len(grants) > 0 {
		fmt.Fprintln(w, "\nallowed nowhere; to allow more in a namespace:")
	}
	for _, grant := range grants {
		fmt.Fprintf(w, "  %s\n", grant)
	}
}
