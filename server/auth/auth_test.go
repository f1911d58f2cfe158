package auth

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/access"
)

func TestOptions_ValidateNone(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		addresses []string
		want      string
	}{
		"loopback":             {[]string{"127.0.0.1:8080", "[::1]:8080", "localhost:0", "127.8.8.8:1"}, ""},
		"nothing listens":      {nil, ""},
		"one is not":           {[]string{"127.0.0.1:8080", "10.0.0.7:8080"}, `--auth=none listens on loopback only: address "10.0.0.7:8080" must be localhost, 127.0.0.1 or [::1] with a port`},
		"every interface":      {[]string{":8080"}, `--auth=none listens on loopback only: address ":8080" must be localhost, 127.0.0.1 or [::1] with a port`},
		"every interface, too": {[]string{"[::]:8080"}, `--auth=none listens on loopback only: address "[::]:8080" must be localhost, 127.0.0.1 or [::1] with a port`},
		"a name like ours":     {[]string{"localhost.example.org:80"}, `--auth=none listens on loopback only: address "localhost.example.org:80" must be localhost, 127.0.0.1 or [::1] with a port`},
		"no port":              {[]string{"127.0.0.1"}, `address "127.0.0.1" is not host:port: address 127.0.0.1: missing port in address`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ""
			none := Options{Access: access.Options{Mode: ModeNone}}
			if err := none.Validate(tc.addresses, func(string) string { return "" }); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestNone_AuthenticateHost(t *testing.T) {
	t.Parallel()
	nobody := NewNone("anna")
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST:8080": true, "127.0.0.1": true, "127.0.0.1:8080": true, "[::1]": true, "[::1]:8080": true,
		"": false, "127.0.0.2:8080": false, "localhost.evil.example": false, "127.0.0.1.evil.example:8080": false,
		"evil.example": false, "[::2]:8080": false, "localhost:8080:9": false, "10.0.0.1": false,
	} {
		ctx, err := nobody.Authenticate(&http.Request{Host: host})
		if (err == nil) != want {
			t.Errorf("%q: %v", host, err)
		}
		if err != nil {
			continue
		}
		if identity, _ := FromContext(ctx); identity.Subject != "local:anna" {
			t.Errorf("%q: subject %q", host, identity.Subject)
		}
		if _, proven := TokenFromContext(ctx); proven {
			t.Errorf("%q: a token, where there is none", host)
		}
	}
}

func TestNone_AuthenticateOrigin(t *testing.T) {
	t.Parallel()
	nobody := NewNone("anna")
	for origin, want := range map[string]bool{
		"": true, "http://localhost:6274": true, "http://127.0.0.1": true, "https://[::1]:1": true,
		"https://chat.example.org": false, "null": false, "ftp://localhost": false,
		"http://localhost.evil.example": false, "https://127.0.0.1.evil.example": false,
	} {
		_, err := nobody.Authenticate(&http.Request{Host: "localhost", Header: http.Header{"Origin": {origin}}})
		if (err == nil) != want {
			t.Errorf("%q: %v", origin, err)
		}
	}
}
