package egress

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func mustParseRules(t *testing.T, entries ...string) Rules {
	t.Helper()
	rules, err := ParseRules(entries)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func TestParseRules_Refuses(t *testing.T) {
	t.Parallel()
	for _, entry := range []string{
		"", "*", "*.", "*.org", "*.*.example.org", "a.*.example.org", "ftp://desk.example.org", "https://", "desk.example.org/api", "desk.example.org?x", "desk.example.org#x",
		"user@desk.example.org", "desk.example.org:", "desk.example.org:0", "desk.example.org:65536", "desk.example.org:http", "desk.example.org:-1", "fd00::1", "[fd00::1", "[desk.example.org]",
		"[fe80::1%eth0]", "fe80::1%eth0", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "1.2.3.4.5", "*.10.0.0.1", "*.127.0.0.1", "-a.example.org", "a..example.org", ".example.org",
		"dësk.example.org", "desk.example.org.", "desk%2eexample.org", "desk .example.org", strings.Repeat("a", 64) + ".org",
	} {
		if _, err := ParseRules([]string{"desk.example.org", entry}); err == nil {
			t.Errorf("%q is taken", entry)
		}
	}
}

func TestRules_ParseURL(t *testing.T) {
	t.Parallel()
	rules := mustParseRules(t, "accounts.zoho.eu", "https://Desk.Example.org:8443", "*.sdpondemand.manageengine.eu", "10.1.2.3", "[fd00::1]:8443", "http://fake.test.svc:8080", "http://127.0.0.1:9")
	for text, want := range map[string]string{
		"https://accounts.zoho.eu":                         "https://accounts.zoho.eu",
		"HTTPS://ACCOUNTS.ZOHO.EU:443//":                   "https://accounts.zoho.eu:443",
		"https://desk.example.org:8443/":                   "https://desk.example.org:8443",
		"https://desk.example.org:8443/sdp":                "https://desk.example.org:8443/sdp",
		"https://acme.sdpondemand.manageengine.eu":         "https://acme.sdpondemand.manageengine.eu",
		"https://10.1.2.3":                                 "https://10.1.2.3",
		"https://[::ffff:10.1.2.3]":                        "https://[::ffff:10.1.2.3]",
		"https://[fd00:0:0:0:0:0:0:1]:8443":                "https://[fd00:0:0:0:0:0:0:1]:8443",
		"http://fake.test.svc:8080":                        "http://fake.test.svc:8080",
		"http://127.0.0.1:9/app":                           "http://127.0.0.1:9/app",
		"https://accounts.zoho.eu:444":                     "",
		"http://accounts.zoho.eu":                          "",
		"http://accounts.zoho.eu:443":                      "",
		"https://accounts.zoho.eu.evil.example":            "",
		"https://evil.example/accounts.zoho.eu":            "",
		"https://accounts.zoho.eu@evil.example":            "",
		"https://evil@accounts.zoho.eu":                    "",
		"https://accounts.zoho.eu%2eevil.example":          "",
		"https://accounts.zoho.eu\\.evil.example":          "",
		"https://accounts.zoho.eu\t.evil.example":          "",
		"https://accounts。zoho。eu":                         "",
		"https://accounts.zoho.eu.":                        "",
		"https://accounts.zoho.eu?x=1":                     "",
		"https://accounts.zoho.eu?":                        "",
		"https://accounts.zoho.eu#x":                       "",
		"https://accounts.zoho.eu#":                        "",
		"//accounts.zoho.eu":                               "",
		"accounts.zoho.eu":                                 "",
		"https:accounts.zoho.eu":                           "",
		"https:///accounts.zoho.eu":                        "",
		"file:///etc/passwd":                               "",
		"gopher://accounts.zoho.eu":                        "",
		"":                                                 "",
		"https://sdpondemand.manageengine.eu":              "",
		"https://a.b.sdpondemand.manageengine.eu":          "",
		"https://.sdpondemand.manageengine.eu":             "",
		"https://evil-sdpondemand.manageengine.eu":         "",
		"https://10.1.2.4":                                 "",
		"https://010.1.2.3":                                "",
		"https://0xa.1.2.3":                                "",
		"https://167838211":                                "",
		"https://10.1.515":                                 "",
		"https://[fd00::1]":                                "",
		"https://[fd00::1%25eth0]:8443":                    "",
		"https://fake.test.svc:8080":                       "",
		"http://127.0.0.2:9":                               "",
		"http://localhost:9":                               "",
		"http://[::1]:9":                                   "",
		"http://2130706433:9":                              "",
		"http://127.1:9":                                   "",
		"http://0x7f.1:9":                                  "",
		"http://127.0.0.1.nip.example:9":                   "",
		"https://" + strings.Repeat("a.", 130) + "example": "",
	} {
		got, err := rules.ParseURL(text)
		switch {
		case want == "" && err == nil:
			t.Errorf("%q is allowed as %s", text, got)
		case want != "" && (err != nil || got.String() != want):
			t.Errorf("%q: %v %v, not %s", text, got, err, want)
		case err != nil && strings.Contains(err.Error(), "evil@"):
			t.Errorf("%q: the user is in %v", text, err)
		}
	}
	if _, err := (Rules{}).ParseURL("https://accounts.zoho.eu"); err == nil {
		t.Error("no rules allow nothing")
	}
	var refused *NotAllowedError
	if _, err := rules.ParseURL("http://accounts.zoho.eu:443"); !errors.As(err, &refused) || refused.Reason != "it is listed for https, and http is unencrypted" {
		t.Errorf("the error says nothing of https: %v", err)
	}
}

func TestAddressPolicy(t *testing.T) {
	t.Parallel()
	policy := addressPolicy{
		apiServer: []netip.Addr{netip.MustParseAddr("10.96.0.1"), netip.MustParseAddr("192.0.2.7")},
		cluster:   []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16"), netip.MustParsePrefix("10.96.0.0/12"), netip.MustParsePrefix("fd12::/48")},
	}
	for address, want := range map[string][2]bool{ // refused for a name outside, and for one of the cluster
		"192.0.2.1": {}, "8.8.8.8": {}, "10.1.2.3": {}, "192.168.1.1": {}, "2001:db8::1": {}, "fd00::1": {}, "64:ff9b::808:808": {},
		"10.244.3.4": {true, false}, "10.97.0.1": {true, false}, "fd12::9": {true, false}, "::ffff:10.244.3.4": {true, false}, "64:ff9b::10.244.3.4": {true, false},
		"10.96.0.1": {true, true}, "192.0.2.7": {true, true}, "::ffff:192.0.2.7": {true, true}, "64:ff9b::c000:207": {true, true},
		"127.0.0.1": {true, true}, "127.255.255.254": {true, true}, "::1": {true, true}, "::ffff:127.0.0.1": {true, true}, "::ffff:7f00:1": {true, true},
		"::127.0.0.1": {true, true}, "64:ff9b::7f00:1": {true, true}, "64:ff9b:1::7f00:1": {true, true}, "2002:7f00:1::": {true, true}, "2002:a9fe:a9fe::1": {true, true},
		"2001:0:1:2:3:4:80ff:fffe": {true, true}, "2001:db8::5efe:127.0.0.1": {true, true}, "2001:db8::200:5efe:7f00:1": {true, true},
		"0.0.0.0": {true, true}, "0.1.2.3": {true, true}, "::": {true, true}, "::ffff:0.0.0.0": {true, true}, "255.255.255.255": {true, true}, "240.0.0.1": {true, true},
		"169.254.169.254": {true, true}, "169.254.0.1": {true, true}, "fe80::1": {true, true}, "fe80::1%eth0": {true, true}, "fec0::1": {true, true}, "100::1": {true, true},
		"224.0.0.1": {true, true}, "239.255.255.250": {true, true}, "ff02::1": {true, true}, "ff0e::1": {true, true},
		"fd00:ec2::254": {true, true}, "100.100.100.200": {true, true}, "168.63.129.16": {true, true},
	} {
		for i, isClusterName := range []bool{false, true} {
			if refusal := policy.refusal(netip.MustParseAddr(address), isClusterName); (refusal != "") != want[i] {
				t.Errorf("%s, a name of the cluster %v: %q", address, isClusterName, refusal)
			}
		}
	}
}
