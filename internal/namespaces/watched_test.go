package namespaces

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestWatched(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args          []string
		contains      string // names joined by spaces
		lacks         string
		words, faulty string
	}{
		"without the flag all are":  {nil, "team-a kube-system", "", "all namespaces", ""},
		"an empty one is none":      {[]string{"--watch-namespaces="}, "team-a", "", "all namespaces", ""},
		"those that are named":      {[]string{"--watch-namespaces=team-a,team-b"}, "team-a team-b", "team-c team", "team-a, team-b", ""},
		"the flag may be repeated":  {[]string{"--watch-namespaces=team-a", "--watch-namespaces=team-b"}, "team-a team-b", "team-c", "team-a, team-b", ""},
		"a pattern is no namespace": {args: []string{"--watch-namespaces=team-*"}, faulty: `--watch-namespaces: "team-*" is not a namespace: at most 63 lower-case letters, digits and '-'`},
		"an empty name is none":     {args: []string{"--watch-namespaces=team-a,"}, faulty: `--watch-namespaces: "" is not a namespace: at most 63 lower-case letters, digits and '-'`},
		"each is named once":        {args: []string{"--watch-namespaces=team-a,team-a"}, faulty: "--watch-namespaces names team-a twice"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var w Watched
			fs := pflag.NewFlagSet("", pflag.ContinueOnError)
			w.AddFlag(fs, "")
			if err := fs.Parse(tc.args); err != nil {
				t.Fatal(err)
			}
			if err := w.Validate(); err != nil || tc.faulty != "" {
				if err == nil || err.Error() != tc.faulty {
					t.Fatalf("got %v, want %s", err, tc.faulty)
				}
				return
			}
			for namespace := range strings.FieldsSeq(tc.contains) {
				if !w.Contains(namespace) {
					t.Errorf("%s is not watched", namespace)
				}
			}
			for namespace := range strings.FieldsSeq(tc.lacks) {
				if w.Contains(namespace) {
					t.Errorf("%s is watched", namespace)
				}
			}
			if w.String() != tc.words {
				t.Errorf("in words it is %q, want %q", w, tc.words)
			}
		})
	}
}

func TestWatched_ExplainForeign(t *testing.T) {
	t.Parallel()
	const want = "this installation changes no prompts in namespace team-c, only in team-a, team-b (--watch-namespaces=team-a,team-b, watch.namespaces of its chart); " +
		"name one of these, or ask its operator to add team-c"
	if got := New("team-a", "team-b").ExplainForeign("team-c"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
