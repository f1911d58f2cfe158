package controllers

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// TestOptions_UnprovenInPod: changes that nobody proves are not taken inside Kubernetes unless that is asked for.
func TestOptions_UnprovenInPod(t *testing.T) {
	t.Parallel()
	const refused = "--changes=unproven does not run inside Kubernetes (KUBERNETES_SERVICE_HOST is set): whoever has a server's database " +
		"role could change every prompt; use --changes=proven, or set --allow-in-pod if that is what you want"
	for name, tc := range map[string]struct {
		args    []string
		cluster string
		want    string
	}{
		"on a laptop":           {[]string{"--changes=unproven"}, "", ""},
		"in a pod":              {[]string{"--changes=unproven"}, "10.0.0.1", refused},
		"in a pod, on purpose":  {[]string{"--changes=unproven", "--allow-in-pod"}, "10.0.0.1", ""},
		"in a pod, with proofs": {[]string{"--changes=proven", "--auth=kubernetes", "--audience=a", "--intake-key-file=key"}, "10.0.0.1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var o options
			flags := pflag.NewFlagSet("controller", pflag.ContinueOnError)
			o.addFlags(flags)
			if err := flags.Parse(append(tc.args, "--database-url=postgres://localhost/lectern", "--leader-election-namespace=default")); err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := o.validate(func(string) string { return tc.cluster }); err != nil {
				got = err.Error()
			}
			if got != tc.want {
				t.Errorf("got %q\nwant %q", got, tc.want)
			}
		})
	}
}

// TestReleaseOptions: what would release more, or less, than was meant is refused.
func TestReleaseOptions(t *testing.T) {
	t.Parallel()
	for arguments, want := range map[string]string{
		"":                          "say --all: every Prompt and SDPConnection of the installation loses its finalizer",
		"--all":                     "",
		"--all --release-timeout=0": "--release-timeout must be positive",
		"--all --while-controller-runs": "--while-controller-runs needs --watch-namespaces with the namespaces that the controller does not watch any more: " +
			"in those it watches it would put the finalizers back",
		"--all --while-controller-runs --watch-namespaces=a":                     "",
		"--all --while-controller-runs --watch-namespaces=a --stop-controller=x": "give --stop-controller or --while-controller-runs, not both",
		"--all --leader-election-lease=My_Lease":                                 `--leader-election-lease is "My_Lease"; it is the name of a Lease: lower-case letters, digits, '-' and '.'`,
		"--all --watch-namespaces=a,a":                                           "--watch-namespaces names a twice",
	} {
		t.Run(arguments, func(t *testing.T) {
			t.Parallel()
			var o releaseOptions
			flags := pflag.NewFlagSet("release", pflag.ContinueOnError)
			o.addFlags(flags)
			if err := flags.Parse(append(strings.Fields(arguments), "--leader-election-namespace=default")); err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := o.validate(); err != nil {
				got = err.Error()
			}
			if got != want {
				t.Errorf("got %q\nwant %q", got, want)
			}
		})
	}
}
