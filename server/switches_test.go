package server

import (
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// withFlags returns the options of some flags, completed.
func withFlags(t *testing.T, args ...string) Options {
	t.Helper()
	var opts Options
	flags := pflag.NewFlagSet("server", pflag.ContinueOnError)
	opts.AddFlags(flags)
	require.NoError(t, flags.Parse(args))
	require.NoError(t, opts.Complete(flags))
	return opts
}

// whyNot is how the errors of values begin that make no sense: with a database, and with a folder.
func whyNot(flag, value string, isFolder bool) string {
	isTwo := flag == "tokens" || flag == "write-intents"
	switch {
	case isFolder && value == "postgres":
		return "--" + flag + "=postgres needs a database, and --prompts serves a folder: it can be memory or off"
	case !isFolder && value == "memory" && isTwo:
		return "--" + flag + "=memory is for a folder (--prompts): with a database "
	case value == "nowhere" && (isFolder || isTwo):
		return "--" + flag + ` is "nowhere"; it can be `
	case value == "nowhere":
		return "--" + flag + ` is "nowhere"; it can be postgres or memory or off`
	}
	return ""
}

// TestRun_Switches starts a server with each value of each switch, on a database and on a folder, and reads why it does not start.
func TestRun_Switches(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	database := pgtest.AsServerRole(t, owner)
	_, keys := newSealKeys(t)
	for _, isFolder := range []bool{false, true} {
		for _, flag := range []string{"audit", "tokens", "lookups", "project-cache", "write-intents"} {
			for _, value := range []string{"", "postgres", "memory", "off", "nowhere"} {
				name := flag + "=" + value + map[bool]string{true: " in a folder", false: " in a database"}[isFolder]
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					args := []string{"--" + flag + "=" + value}
					if isFolder {
						args = append(args, "--prompts="+t.TempDir())
					}
					change := func(o *Options) {
						addresses, metrics := o.Addresses, o.MetricsAddress
						*o = withFlags(t, args...)
						o.Addresses, o.MetricsAddress = addresses, metrics
						if !isFolder {
							o.Database, o.SealKeyFile = database, keys
						}
						if o.Audit.Store == inPostgres && !isFolder {
							o.Audit.Spool = t.TempDir()
						}
					}
					want := whyNot(flag, value, isFolder)
					if want == "" {
						r := servingWith(t, database, change)
						require.Until(t, "ready", func() bool { return r.ready(t) })
						return
					}
					opts := Options{Addresses: []string{testenv.FreeAddress(t)}}
					change(&opts)
					err := Run(t.Context(), opts, "v0", slog.New(slog.DiscardHandler))
					if err == nil || !strings.HasPrefix(err.Error(), want) {
						t.Errorf("got %v, want %s", err, want)
					}
				})
			}
		}
	}
}

// TestOptions_Switches: what fits together, and what is said of what does not.
func TestOptions_Switches(t *testing.T) {
	const database = "--database-url=postgres://localhost/lectern"
	for name, tc := range map[string]struct {
		args []string
		want string
		off  []string
	}{
		"nothing said":                         {args: []string{database}},
		"all off":                              {args: []string{database, "--audit=off", "--tokens=off", "--lookups=off", "--project-cache=off", "--write-intents=off"}, off: []string{"audit", "tokens", "lookups", "project-cache", "write-intents"}},
		"no tokens, and so nothing else":       {args: []string{database, "--tokens=off"}, off: []string{"tokens", "lookups", "project-cache", "write-intents"}},
		"lists of what is not served":          {args: []string{database, "--tokens=off", "--lookups=memory"}, want: "--lookups=memory keeps something of ServiceDesk Plus, which --tokens=off does not serve: leave out one of them"},
		"credentials for what is not served":   {args: []string{"--prompts=d", "--tokens=off", "--sdp-credentials=a=b"}, want: "--sdp-credentials is for connections to ServiceDesk Plus, which --tokens=off does not serve: leave out one of them"},
		"an audit that is required, and off":   {args: []string{database, "--audit=off", "--audit-required=writes"}, want: "--audit-required=writes refuses writes that the audit has no room for, and --audit=off keeps none: leave out one of them"},
		"an audit that is off":                 {args: []string{database, "--audit=off"}, off: []string{"audit"}},
		"a spool for nothing":                  {args: []string{database, "--audit=memory", "--audit-spool=d"}, want: "--audit-spool is for rows on their way to a database, and --audit=memory keeps none there: leave out one of them"},
		"a spool that is too small":            {args: []string{database, "--audit-spool-bytes=100"}, want: "--audit-spool-bytes is 100; at least 1048576 are needed"},
		"a log that is none":                   {args: []string{database, "--audit-log=xml"}, want: `--audit-log is "xml"; it can be json, or left out`},
		"a log where the client reads":         {args: []string{"--prompts=d", "--stdio", "--audit-log=json"}, want: "--audit-log writes to stdout, which is the client's with --stdio: leave out one of them"},
		"a log alone":                          {args: []string{database, "--audit=off", "--audit-log=json"}, off: []string{"audit"}},
		"what is required is not said so well": {args: []string{database, "--audit-required=all"}, want: `--audit-required is "all"; it can be writes or nothing`},
	} {
		t.Run(name, func(t *testing.T) {
			opts := withFlags(t, tc.args...)
			got := ""
			if err := opts.Validate(); err != nil {
				got = err.Error()
			}
			if got != tc.want {
				t.Errorf("got %s\nwant %s", got, tc.want)
			}
			if tc.want == "" && !slices.Equal(opts.describeOff(), tc.off) {
				t.Errorf("off: %v, want %v", opts.describeOff(), tc.off)
			}
		})
	}
}
