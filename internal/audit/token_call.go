package audit

import (
	"errors"
	"net/http"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp/oauth"
)

// NewTokenCall makes the row of a call of the accounts server, of which nothing is kept but how it ended. Who called and the connection
// are for the caller to fill in.
func NewTokenCall(operation string, began time.Time, took time.Duration, failed error) *APICall {
	row := &APICall{
		ID: NewID(), StartedAt: began, Took: took, Operation: operation, Method: http.MethodPost,
		Template: "accounts server", Attempt: 1, Status: http.StatusOK, Outcome: OutcomeSuccess,
	}
	if failed != nil {
		row.Outcome, row.Status, row.ErrorKind = OutcomeError, 0, "unavailable"
	}
	if known, is := errors.AsType[*oauth.Error](failed); is {
		row.Status, row.ErrorKind = known.Status, string(known.Outcome)
		switch {
		case known.Outcome == oauth.AccessDenied:
			row.Outcome = OutcomeThrottled
		case known.Outcome == oauth.Unanswered, known.Outcome == oauth.Unavailable:
			row.Outcome = OutcomeIndeterminate // a token may have been issued
		case !known.Outcome.IsTransient():
			row.Outcome = OutcomeDenied
		}
	}
	return row
}
