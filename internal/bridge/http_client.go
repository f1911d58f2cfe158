package bridge

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/internal/certificates"
)

// tokenParameters are the parameters of a query that are tokens to who receives it (RFC 6750, 2.3), in lower case.
var tokenParameters = []string{"access_token", "authorization", "bearer", "token"}

// ParseURL returns the URL of an MCP endpoint: /mcp where no path is given. No error quotes the text: a token may be in it.
func ParseURL(text string) (string, error) {
	endpoint, err := url.Parse(text)
	switch {
	case err != nil || endpoint.Scheme != "http" && endpoint.Scheme != "https" || endpoint.Host == "":
		return "", errors.New("that is not the URL of an MCP endpoint, such as https://lectern.example.org/mcp")
	case endpoint.User != nil || endpoint.Fragment != "":
		return "", errors.New("the URL of an MCP endpoint has no user and no fragment; a token is given by --token-file")
	}
	for name := range endpoint.Query() {
		if slices.Contains(tokenParameters, strings.ToLower(name)) {
			return "", fmt.Errorf("the URL of an MCP endpoint has no %s: what is in a URL ends up in logs; a token is given by --token-file", strings.ToLower(name))
		}
	}
	if endpoint.Path == "" || endpoint.Path == "/" {
		endpoint.Path = "/mcp"
	}
	return endpoint.String(), nil
}

// NewClient returns a client that follows no redirect and honours the proxy variables of the environment. Servers are
// verified by the certificates of caFile (PEM), or by those of the system if it is empty.
func NewClient(caFile string) (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile != "" {
		pool, err := certificates.ReadPool(caFile)
		if err != nil {
			return nil, fmt.Errorf("--ca-file: %w", err)
		}
		config.RootCAs = pool
	}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			TLSClientConfig:       config,
			TLSHandshakeTimeout:   10 * time.Second,
			ResponseHeaderTimeout: silenceTimeout,
			IdleConnTimeout:       time.Minute,
			MaxIdleConnsPerHost:   16,
			ForceAttemptHTTP2:     true,
		},
	}, nil
}
