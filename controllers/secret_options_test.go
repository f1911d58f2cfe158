package controllers

import (
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func TestSecretOptions(t *testing.T) {
	t.Parallel()
	const logins = "--server-database-secret=s --server-login-roles=a,b "
	for args, want := range map[string]string{
		"":                                      "",
		"--intake-key-secret=k":                 "",
		logins:                                  "",
		logins + "--server-password-interval=0": "",
		logins + "--server-password-interval=10m":                                     "",
		logins + "--server-password-interval=9m59s":                                   "--server-password-interval is 9m59s; it must be 0, for never, or at least 10m0s",
		logins + "--server-password-interval=-1h":                                     "must be 0, for never, or at least 10m0s",
		"--server-database-secret=s":                                                  "needs --server-login-roles with two names",
		"--server-database-secret=s --server-login-roles=a":                           "needs --server-login-roles with two names",
		"--server-database-secret=s --server-login-roles=a,a":                         "needs --server-login-roles with two names",
		"--server-database-secret=s --server-login-roles=a,b,c":                       "needs --server-login-roles with two names",
		"--server-login-roles=a,b":                                                    "go with --server-database-secret",
		"--server-first-passwords-secret=f":                                           "go with --server-database-secret",
		"--intake-key-secret=k --intake-key-file=f":                                   "set only one of --intake-key-secret and --intake-key-file",
		"--database-host=h --database-password-secret=s/k":                            "",
		"--database-host=h --database-password-secret=s":                              `"s" is not NAME/KEY`,
		"--database-password-secret=s/k":                                              "goes with --database-host",
		"--database-host=h --database-password-secret=s/k --database-password-file=f": "instead of --database-password-file",
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			var o options
			flags := pflag.NewFlagSet("", pflag.ContinueOnError)
			o.addFlags(flags)
			require.NoError(t, flags.Parse(strings.Fields(args)))
			err := o.secrets.validate(&o.database, o.proof.keyFile)
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("got %v, want %q", err, want)
			}
		})
	}
}
