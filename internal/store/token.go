package store

import (
	"fmt"
	"time"
)

// TokenKind is what is sent to ServiceDesk Plus.
type TokenKind string

// The kinds of tokens.
const (
	// AccessToken is of the cloud, and expires.
	AccessToken TokenKind = "AccessToken"
	// APIKey is of a server on premises, and does not.
	APIKey TokenKind = "APIKey"
)

// SealedToken is a token as it is stored. ID is a UUID that is chosen before the token is sealed, since it is sealed for it.
type SealedToken struct {
	ID        string
	Kind      TokenKind
	Sealed    []byte
	Scopes    []string
	IssuedAt  time.Time
	ExpiresAt time.Time // zero for one that does not expire
}

// StoredToken is what a controller knows of the current token of a connection.
type StoredToken struct {
	SealedToken

	// Fingerprint is of what it was got with.
	Fingerprint TokenFingerprint
	// Refreshes counts the tokens that the connection had before it.
	Refreshes int64
}

// What a refresh token, or a client id, may be used for at most. Zoho gives ten in ten minutes, and refuses for the rest of
// these; TokenRequestTimeout is how much later than it was begun a request may arrive there.
const (
	MaxTokenRequests        = 8
	MaxRefusedTokenRequests = 6
	TokenRequestTimeout     = 30 * time.Second
	TokenRequestWindow      = 10*time.Minute + TokenRequestTimeout
)

// TokenRequestKind is what an accounts server is asked for.
type TokenRequestKind string

// The kinds of requests.
const (
	// TokenRefresh gets an access token; its budget is the refresh token's.
	TokenRefresh TokenRequestKind = "Refresh"
	// TokenExchange gets a refresh token for a grant code; its budget is the client id's.
	TokenExchange TokenRequestKind = "Exchange"
)

// TokenRequestCause is why.
type TokenRequestCause string

// The causes.
const (
	// CauseScheduled is that there is no token, or that it is old enough.
	CauseScheduled TokenRequestCause = "Scheduled"
	// CauseRefused is that ServiceDesk Plus refuses it.
	CauseRefused TokenRequestCause = "Refused"
)

// TokenRequestOutcome is what became of a request.
type TokenRequestOutcome string

// The outcomes.
const (
	// TokenIssued: there is a token.
	TokenIssued TokenRequestOutcome = "Issued"
	// TokenThrottled: there were too many requests.
	TokenThrottled TokenRequestOutcome = "Throttled"
	// TokenDenied: the accounts server does not take what was sent.
	TokenDenied TokenRequestOutcome = "Denied"
	// TokenFailed: there was no answer, or none that says anything.
	TokenFailed TokenRequestOutcome = "Failed"
)

// TokenClaim asks for leave to call the token endpoint.
type TokenClaim struct {
	Key         Key
	UID         string
	Kind        TokenRequestKind
	Cause       TokenRequestCause
	Fingerprint TokenFingerprint
	// At is now, by the clock of the controller.
	At time.Time
}

// TokenRequest is one that was made before a claim.
type TokenRequest struct {
	UID         string
	Fingerprint TokenFingerprint
	Cause       TokenRequestCause
	StartedAt   time.Time
	// Ended says that it is known what became of it.
	Ended bool
}

// TokenRequestResult is what became of a claimed request.
type TokenRequestResult struct {
	Request int64
	Key     Key
	UID     string
	Outcome TokenRequestOutcome
	// Detail is for people; no secret is in it.
	Detail string
	At     time.Time
	// Token is stored where there is one, and the tokens before it are erased.
	Token       *SealedToken
	Fingerprint TokenFingerprint
}

// TokenBudgetError refuses a request because there were too many.
type TokenBudgetError struct {
	Spent int
	// OfRefusals says that those for refused tokens have had their share, while a scheduled one still has room.
	OfRefusals bool
	// RetryAt is when there is room again, by the clock of the controller.
	RetryAt time.Time
}

func (e *TokenBudgetError) Error() string {
	what := "token requests"
	if e.OfRefusals {
		what = "token requests for refused tokens"
	}
	return fmt.Sprintf("%d %s were made in the last %s, which is as many as are allowed; the next may be made at %s",
		e.Spent, what, TokenRequestWindow, e.RetryAt.UTC().Format(time.RFC3339))
}

// TokenRequestUnderWayError refuses a request because one of the same connection is under way.
type TokenRequestUnderWayError struct {
	RetryAt time.Time
}

func (e *TokenRequestUnderWayError) Error() string {
	return "a token request of this connection is under way, until " + e.RetryAt.UTC().Format(time.RFC3339) + " at the latest"
}

// TokenRefusal is a current token of which a server says that ServiceDesk Plus refused it.
type TokenRefusal struct {
	Key     Key
	UID     string
	TokenID string
	Replica string
	Age     time.Duration
}

// SealedTokenOf is a current token and whose it is, for sealing it again.
type SealedTokenOf struct {
	Key    Key
	UID    string
	ID     string
	Kind   TokenKind
	Sealed []byte
}
