package oauth

import (
	"fmt"
	"time"
)

// Outcome is what became of a call to the token endpoint. Its text is what is recorded of it.
type Outcome string

// The outcomes.
const (
	// OK is success.
	OK Outcome = "ok"
	// InvalidClient: the client id is not known there, or belongs to another data center.
	InvalidClient Outcome = "invalid_client"
	// InvalidClientSecret: the secret is wrong.
	InvalidClientSecret Outcome = "invalid_client_secret"
	// InvalidCode: a grant code that is spent, too old or another client's; or a refresh token that was revoked.
	InvalidCode Outcome = "invalid_code"
	// InvalidRedirectURI: not that of the client.
	InvalidRedirectURI Outcome = "invalid_redirect_uri"
	// InvalidScope: there is no such scope.
	InvalidScope Outcome = "invalid_scope"
	// InvalidToken: what was to be revoked is no token, which is as good as revoked.
	InvalidToken Outcome = "invalid_token"
	// AccessDenied: ten refreshes were made in ten minutes; the rest of the window is blocked.
	AccessDenied Outcome = "access_denied"
	// Refused: the server says an error that nobody knows.
	Refused Outcome = "refused"
	// Unavailable: the server failed. It may have issued a token.
	Unavailable Outcome = "unavailable"
	// Unanswered: the call was sent, and no answer came. The server may have issued a token.
	Unanswered Outcome = "unanswered"
	// NotSent: there was no connection. Nothing was spent.
	NotSent Outcome = "not_sent"
)

// errorOutcomes are the errors of the token endpoint by their text in lower case.
var errorOutcomes = map[string]Outcome{
	"invalid_client": InvalidClient, "invalid_client_secret": InvalidClientSecret, "invalid_code": InvalidCode,
	"invalid_redirect_uri": InvalidRedirectURI, "invalid_scope": InvalidScope, "invalid_token": InvalidToken,
	"invalid_oauthtoken": InvalidToken, "access denied": AccessDenied, "access_denied": AccessDenied, "general_error": Unavailable,
}

// Window is the time in which an accounts server gives at most ten access tokens for a refresh token.
const Window = 10 * time.Minute

// IsTransient reports whether the same call may succeed later, without anybody changing anything. A grant code that was not
// answered is not: it may be spent.
func (o Outcome) IsTransient() bool {
	switch o {
	case AccessDenied, Unavailable, Unanswered, NotSent:
		return true
	}
	return false
}

// MayHaveSpent reports whether the call counts in the window: all that reached the server may.
func (o Outcome) MayHaveSpent() bool { return o != NotSent }

// RetryAfter is how long to wait at least: to the end of the window where the server refused for it.
func (o Outcome) RetryAfter() time.Duration {
	if o == AccessDenied {
		return Window
	}
	return 0
}

// explanations are for people: what is wrong and what to do.
var explanations = map[Outcome]string{
	InvalidClient:       "the accounts server does not know the client id; it may belong to another data center",
	InvalidClientSecret: "the accounts server refuses the client secret",
	InvalidCode:         "the accounts server refuses the code or the refresh token: it is spent, expired, revoked or another client's; make a new grant code",
	InvalidRedirectURI:  "the accounts server refuses the redirect URI",
	InvalidScope:        "the accounts server does not know a scope",
	InvalidToken:        "the accounts server does not know the token",
	AccessDenied:        "the accounts server refuses for now, since ten tokens were asked for in ten minutes",
	Refused:             "the accounts server refuses for a reason of its own",
	Unavailable:         "the accounts server failed",
	Unanswered:          "the accounts server did not answer",
	NotSent:             "the accounts server was not reached",
}

// Error is a call that did not give what it was to give. Its text is ours.
type Error struct {
	Outcome Outcome
	// Status is the HTTP status, 0 without an answer.
	Status int

	cause error
}

func (e *Error) Error() string {
	if e.Status == 0 {
		return explanations[e.Outcome]
	}
	if e.Status/100 == 3 {
		return fmt.Sprintf("the accounts server redirects, which is not followed; check its URL (HTTP %d)", e.Status)
	}
	return fmt.Sprintf("%s (HTTP %d)", explanations[e.Outcome], e.Status)
}

// Unwrap returns the context's error, or that of where credentials may go; nil for others, which may quote the server.
func (e *Error) Unwrap() error { return e.cause }
