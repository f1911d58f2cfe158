package testenv

import "net/http"

// Bearer is a transport that sends a token with every request, unless it is empty.
type Bearer struct {
	http.RoundTripper
	Token string
}

// RoundTrip implements http.RoundTripper.
func (b Bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	if b.Token != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+b.Token)
	}
	return b.RoundTripper.RoundTrip(r)
}
