package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/lectern-dev/lectern/internal/sdp/egress"
	"github.com/lectern-dev/lectern/internal/sdp/redact"
)

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 64 << 10

// Exchange spends a grant code. The code is gone once the call was sent, whatever the outcome: Unavailable and Unanswered
// may mean that the refresh token is lost. redirectURI is for server-based clients, and empty for self clients. accounts is the
// URL of the data center's accounts server, sender a client of internal/sdp/egress. The error is an *Error.
func Exchange(ctx context.Context, sender *http.Client, accounts *url.URL, client Client, code redact.Secret, redirectURI string) (Token, error) {
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code.Reveal()}}
	if redirectURI != "" {
		form.Set("redirect_uri", redirectURI)
	}
	token, err := requestToken(ctx, sender, accounts, client, form)
	if err == nil && token.Refresh.IsZero() {
		// Without access_type=offline there is an access token alone, of which nothing more can come.
		return token, &Error{Outcome: Refused, Status: 200}
	}
	return token, err
}

// Refresh asks for an access token. The refresh token stays valid, and is in no answer. The error is an *Error.
func Refresh(ctx context.Context, sender *http.Client, accounts *url.URL, client Client, refreshToken redact.Secret) (Token, error) {
	return requestToken(ctx, sender, accounts, client, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refreshToken.Reveal()}})
}

// Revoke ends a refresh token and its access tokens, or one access token. InvalidToken is success for who wants it gone. The
// error is an *Error.
func Revoke(ctx context.Context, sender *http.Client, accounts *url.URL, token redact.Secret) error {
	status, body, err := postForm(ctx, sender, accounts, "/oauth/v2/token/revoke", url.Values{"token": {token.Reveal()}})
	if err != nil {
		return err
	}
	var said struct{ Status, Error string }
	if outcome := classifyAnswer(status, body); outcome != Refused {
		return &Error{Outcome: outcome, Status: status}
	}
	if json.Unmarshal(body, &said) == nil && said.Error == "" && strings.EqualFold(said.Status, "success") && status < 300 {
		return nil
	}
	if status == 400 && strings.EqualFold(said.Status, "failure") {
		return &Error{Outcome: InvalidToken, Status: status}
	}
	return &Error{Outcome: Refused, Status: status}
}

// requestToken asks the token endpoint. Parameters go into the body: a query ends up in access logs.
func requestToken(ctx context.Context, sender *http.Client, accounts *url.URL, client Client, form url.Values) (Token, error) {
	form.Set("client_id", client.ID)
	form.Set("client_secret", client.Secret.Reveal())
	status, body, err := postForm(ctx, sender, accounts, "/oauth/v2/token", form)
	if err != nil {
		return Token{}, err
	}
	var fields map[string]json.RawMessage
	if status < 300 && json.Unmarshal(body, &fields) == nil {
		if token, ok := readToken(fields); ok {
			return token, nil
		}
	}
	return Token{}, &Error{Outcome: classifyAnswer(status, body), Status: status}
}

// classifyAnswer returns the outcome of an answer without a token: by its error, which may come with any HTTP status.
func classifyAnswer(status int, body []byte) Outcome {
	var said struct {
		Error json.RawMessage `json:"error"`
	}
	var text string
	switch {
	case json.Unmarshal(body, &said) != nil: // HTML of a proxy, or cut off
		if status >= 300 && status < 500 {
			return Refused
		}
		return Unavailable
	case json.Unmarshal(said.Error, &text) == nil:
		if outcome, known := errorOutcomes[strings.ToLower(strings.TrimSpace(text))]; known {
			return outcome
		}
	}
	if status >= 500 {
		return Unavailable
	}
	return Refused
}

// postForm sends a form once, and returns what came back.
func postForm(ctx context.Context, client *http.Client, accounts *url.URL, path string, form url.Values) (status int, body []byte, err error) {
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(accounts.String(), "/")+path, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, nil, &Error{Outcome: NotSent}
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "lectern")
	answer, err := client.Do(request)
	if err != nil {
		return 0, nil, notAnswered(err, connected.Load())
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		failed := notAnswered(err, true)
		failed.Status = answer.StatusCode
		return 0, nil, failed
	}
	return answer.StatusCode, body, nil
}

func notAnswered(err error, connected bool) *Error {
	failed := &Error{Outcome: NotSent}
	if connected {
		failed.Outcome = Unanswered
	}
	if refused, is := errors.AsType[*egress.NotAllowedError](err); is {
		failed.cause = refused
	}
	for _, known := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			failed.cause = known
		}
	}
	return failed
}
