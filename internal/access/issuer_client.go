package access

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"github.com/lectern-dev/lectern/internal/certificates"
)

const (
	// issuerTimeout bounds a fetch of discovery document and keys together.
	issuerTimeout = 10 * time.Second
	// maxIssuerResponse bounds each of the two documents, in bytes.
	maxIssuerResponse = 1 << 20
	// discoveryPath is put after the issuer's URL (OpenID Connect Discovery 4.1).
	discoveryPath = "/.well-known/openid-configuration"
)

// issuerClient fetches what an issuer publishes. It speaks https, follows no redirect, and honours the proxy variables of
// the environment.
type issuerClient struct {
	issuerURL, caFile string
}

// fetchKeys returns the keys the issuer signs with now, of those that signatures are verified by here. What the issuer
// answers is not quoted in an error.
func (c *issuerClient) fetchKeys(ctx context.Context) ([]jose.JSONWebKey, error) {
	ctx, cancel := context.WithTimeout(ctx, issuerTimeout)
	defer cancel()
	client, err := c.newHTTPClient()
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections()
	body, err := fetchDocument(ctx, client, strings.TrimSuffix(c.issuerURL, "/")+discoveryPath)
	if err != nil {
		return nil, fmt.Errorf("read the discovery document of the issuer: %w", err)
	}
	var discovery struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(body, &discovery); err != nil {
		return nil, errors.New("the discovery document of the issuer is not valid JSON, or repeats a member")
	}
	if discovery.Issuer != c.issuerURL {
		return nil, fmt.Errorf("the discovery document is of another issuer than --oidc-issuer-url %q", c.issuerURL)
	}
	if err := validateHTTPS(discovery.JWKSURI); err != nil {
		return nil, fmt.Errorf("jwks_uri in the discovery document of the issuer %w", err)
	}
	if body, err = fetchDocument(ctx, client, discovery.JWKSURI); err != nil {
		return nil, fmt.Errorf("read the keys of the issuer: %w", err)
	}
	return decodeKeys(body)
}

func (c *issuerClient) newHTTPClient() (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.caFile != "" {
		pool, err := certificates.ReadPool(c.caFile)
		if err != nil {
			return nil, fmt.Errorf("--oidc-ca-file: %w", err)
		}
		config.RootCAs = pool
	}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			TLSClientConfig:        config,
			TLSHandshakeTimeout:    issuerTimeout / 2,
			ResponseHeaderTimeout:  issuerTimeout / 2,
			MaxResponseHeaderBytes: 64 << 10,
			ForceAttemptHTTP2:      true,
		},
	}, nil
}

func fetchDocument(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	// No Accept: keys are application/json to some issuers, application/jwk-set+json (RFC 7517 8.5) to others, and
	// kube-apiserver answers 406 to whoever names the other.
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	switch code := response.StatusCode; {
	case code >= 300 && code < 400:
		return nil, fmt.Errorf("GET %s was redirected, which is not followed", address)
	case code != http.StatusOK:
		return nil, fmt.Errorf("GET %s was answered with status %d", address, code)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxIssuerResponse+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("GET %s: %w", address, err)
	case len(body) > maxIssuerResponse:
		return nil, fmt.Errorf("GET %s was answered with more than %d bytes", address, maxIssuerResponse)
	}
	return body, nil
}

// decodeKeys returns the keys of a JWK Set that verify signatures here. Others are passed over, as RFC 7517 5 wants it.
func decodeKeys(body []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys *[]json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil || set.Keys == nil {
		return nil, errors.New("the keys of the issuer are not a JWK Set")
	}
	var keys []jose.JSONWebKey
	for _, raw := range *set.Keys {
		var key jose.JSONWebKey
		if err := json.Unmarshal(raw, &key); err != nil {
			continue
		}
		if key = key.Public(); key.Key != nil && (key.Use == "" || key.Use == "sig") && len(algorithmsOf(key)) > 0 {
			keys = append(keys, key)
		}
	}
	return keys, nil
}
