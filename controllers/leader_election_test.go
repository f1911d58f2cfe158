package controllers

import (
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// TestLeaseIdentity: a restarted container has the name it had, any other process one that nobody else has.
func TestLeaseIdentity(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		env    map[string]string
		want   string
		unique bool
	}{
		"the downward API":             {env: map[string]string{"POD_NAME": "lectern-7d9-x2x", "KUBERNETES_SERVICE_HOST": "10.0.0.1"}, want: "lectern-7d9-x2x"},
		"a pod on its own network":     {env: map[string]string{"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, want: "host"},
		"a machine":                    {want: "host_", unique: true},
		"a pod's name set by a person": {env: map[string]string{"POD_NAME": "mine"}, want: "mine"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			identify := func() string {
				got, err := leaseIdentity(func(key string) string { return tc.env[key] }, func() (string, error) { return "host", nil })
				if err != nil {
					t.Fatal(err)
				}
				return got
			}
			first, second := identify(), identify()
			if tc.unique {
				if !strings.HasPrefix(first, tc.want) || first == second {
					t.Errorf("got %q and %q, want two that begin with %q", first, second, tc.want)
				}
			} else if first != tc.want || second != tc.want {
				t.Errorf("got %q and %q, want %q", first, second, tc.want)
			}
		})
	}
}

// TestLeaderElectionOptions: the defaults work, and what client-go would panic over is refused in the words of the flags.
func TestLeaderElectionOptions(t *testing.T) {
	t.Parallel()
	for arguments, want := range map[string]string{
		"": "",
		"--leader-election-lease-duration=15s --leader-election-renew-deadline=10s --leader-election-retry-period=2s": "",
		"--leader-election-renew-deadline=5s":                        "--leader-election-lease-duration is 5s; it must be more than --leader-election-renew-deadline, which is 5s",
		"--leader-election-retry-period=2500ms":                      "--leader-election-renew-deadline is 3s; it must be more than 3s, which is 1.2 times --leader-election-retry-period",
		"--leader-election-retry-period=0":                           "--leader-election-renew-deadline is 3s; it must be more than 0s, which is 1.2 times --leader-election-retry-period",
		"--leader-election-lease-duration=4500ms":                    "--leader-election-lease-duration is 4.5s; a Lease counts whole seconds",
		"--leader-elect=false --leader-election-lease-duration=10ms": "",
	} {
		var o leaderElectionOptions
		flags := pflag.NewFlagSet("controller", pflag.ContinueOnError)
		o.addFlags(flags)
		if err := flags.Parse(strings.Fields(arguments)); err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := o.validate(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", arguments, got, want)
		}
	}
	var o leaderElectionOptions
	o.addFlags(pflag.NewFlagSet("controller", pflag.ContinueOnError))
	if o != (leaderElectionOptions{enabled: true, leaseDuration: 5 * time.Second, renewDeadline: 3 * time.Second, retryPeriod: time.Second}) {
		t.Errorf("the defaults are %+v", o)
	}
}
