package store

import (
	"encoding/hex"
	"testing"
)

// TestFingerprint: two that differ in anything have different fingerprints, and what is stored is found again by later releases.
func TestFingerprint(t *testing.T) {
	seen := map[TokenFingerprint]string{}
	for name, f := range map[string]TokenFingerprint{
		"a refresh token":                     FingerprintRefreshToken("client", "token"),
		"another one":                         FingerprintRefreshToken("client", "token2"),
		"the same characters, cut elsewhere":  FingerprintRefreshToken("clientt", "oken"),
		"a client":                            FingerprintClient("client"),
		"a client named as both":              FingerprintClient("clienttoken"),
		"an API key with a client's id":       FingerprintAPIKey("client"),
		"a client that is named as the label": FingerprintClient("refresh token"),
	} {
		if other, taken := seen[f]; taken {
			t.Errorf("%s and %s have one fingerprint", name, other)
		}
		seen[f] = name
	}
	got := FingerprintRefreshToken("client", "token")
	if want := "3f1997d2e6244050c9a9c771f6a184da"; hex.EncodeToString(got[:]) != want {
		t.Errorf("the fingerprint is %x, want %s as ever", got, want)
	}
}
