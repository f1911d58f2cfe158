package prompt_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	. "github.com/lectern-dev/lectern/internal/prompt"
)

func TestParseRef(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 63)
	version := func(n int64) Selector { return Selector{Version: n} }
	channel := func(name string) Selector { return Selector{Channel: name} }
	for written, want := range map[string]Ref{
		"house-style":                   {Name: "house-style"},
		"7":                             {Name: "7"},
		"a--b":                          {Name: "a--b"},
		long:                            {Name: long},
		"a@3":                           {"a", version(3)},
		"a@9007199254740991":            {"a", version(MaxVersion)},
		"a@production":                  {"a", channel("production")},
		"a@latest":                      {"a", channel("latest")},
		"a@v3-":                         {"a", channel("v3-")},
		"a@" + long[:36]:                {"a", channel(long[:36])},
		"a@b" + strings.Repeat("9", 35): {"a", channel("b" + strings.Repeat("9", 35))},
	} {
		got, err := ParseRef(written)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%q: %v (-want +got):\n%s", written, err, diff)
		}
		if got.String() != written {
			t.Errorf("%q is written back as %q", written, got)
		}
	}
}

func TestParseRef_Refuses(t *testing.T) {
	t.Parallel()
	for _, written := range []string{
		"", "@", "@3", "a@", "A", "a_b", "a.b", "ns.a@3", "a/b", "-a", "a-", "a b", " a", "é", strings.Repeat("a", 64),
		"a@0", "a@-1", "a@+1", "a@01", "a@1.0", "a@9223372036854775808", "a@9007199254740992", "a@-9223372036854775809", "a@0x1", "a@1_0", "a@３",
		"a@3a", "a@Production", "a@-a", "a@a_b", "a@a@b", "a@3@4", "a@ 3", "a@" + strings.Repeat("a", 37),
	} {
		if got, err := ParseRef(written); err == nil {
			t.Errorf("%q is read as %+v, want an error", written, got)
		}
	}
}

func TestSelector_String(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]Selector{"": {}, "@3": {Version: 3}, "@production": {Channel: "production"}} {
		if got := s.String(); got != want {
			t.Errorf("%+v is written %q, want %q", s, got, want)
		}
	}
}

func TestParseRef_VersionTooLarge(t *testing.T) {
	for _, number := range []string{"9007199254740992", "9223372036854775807", "99999999999999999999"} {
		_, err := ParseRef("a@" + number)
		if want := `"` + number + `" is not a version: their numbers go up to 9007199254740991`; err == nil || err.Error() != want {
			t.Errorf("@%s gives %v, want %s", number, err, want)
		}
	}
}
