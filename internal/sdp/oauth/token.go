package oauth

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp/redact"
)

// Client is an OAuth client as it is registered at one data center.
type Client struct {
	ID     string
	Secret redact.Secret
}

// Token is what an accounts server issued.
type Token struct {
	Access redact.Secret
	// Refresh is issued with a grant code alone: a refresh answers without it, and the old one stays valid.
	Refresh redact.Secret
	// Lifetime is from when the server answered.
	Lifetime time.Duration
	// Scopes are sorted, and empty where the server does not say.
	Scopes []string
}

const (
	// defaultLifetime is an access token's.
	defaultLifetime = time.Hour
	// longestLifetime in seconds; older products answer in milliseconds.
	longestLifetime = 24 * 60 * 60
)

// readToken decodes a success; ok is false when there is no access token.
func readToken(body map[string]json.RawMessage) (token Token, ok bool) {
	text := func(name string) string {
		var s string
		if json.Unmarshal(body[name], &s) != nil {
			return strings.TrimSpace(string(body[name])) // a number
		}
		return s
	}
	var access string
	if json.Unmarshal(body["access_token"], &access) != nil || access == "" {
		return Token{}, false
	}
	var refresh string
	if json.Unmarshal(body["refresh_token"], &refresh) != nil {
		refresh = ""
	}
	token = Token{Access: redact.NewSecret(access), Refresh: redact.NewSecret(refresh), Lifetime: defaultLifetime}
	for _, name := range []string{"expires_in_sec", "expires_in"} {
		seconds, err := strconv.ParseInt(text(name), 10, 64)
		if err != nil || seconds <= 0 {
			continue
		}
		token.Lifetime = longestLifetime * time.Second
		if seconds <= longestLifetime {
			token.Lifetime = time.Duration(seconds) * time.Second
		} else if seconds <= longestLifetime*1000 {
			token.Lifetime = time.Duration(seconds) * time.Millisecond
		}
		break
	}
	if body["scope"] != nil {
		token.Scopes = ParseScopes(text("scope"))
	}
	return token, true
}

// ParseScopes returns the scopes of a text that separates them by spaces or commas, sorted.
func ParseScopes(text string) []string {
	scopes := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' })
	slices.Sort(scopes)
	return slices.Compact(scopes)
}
