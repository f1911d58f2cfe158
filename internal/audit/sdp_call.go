package audit

import (
	"net/http"
	"strings"

	"github.com/lectern-dev/lectern/internal/sdp"
)

// NewAPICall makes the row of a call as it was sent to ServiceDesk Plus. Who called, the connection and the payload are for the caller
// to fill in.
func NewAPICall(o *sdp.Observation) *APICall {
	row := &APICall{
		ID: NewID(), StartedAt: o.SentAt, Took: o.Took, Write: o.Method != http.MethodGet, Operation: o.Op, Method: o.Method, Template: o.Template,
		Target: strings.TrimPrefix(o.Path, "/"), Attempt: o.Attempt, Status: o.Status, Outcome: outcomeOfCall(o.Kind), ErrorKind: string(o.Kind),
	}
	for _, code := range o.Codes {
		row.Codes = append(row.Codes, int32(code)) //nolint:gosec // codes have five digits
	}
	return row
}

// outcomeOfCall says how a call ended, by the kind of its failure.
func outcomeOfCall(kind sdp.Kind) Outcome {
	switch kind {
	case "":
		return OutcomeSuccess
	case sdp.KindForbidden, sdp.KindNotAllowed, sdp.KindTokenRefused:
		return OutcomeDenied
	case sdp.KindThrottled:
		return OutcomeThrottled
	case sdp.KindCanceled:
		return OutcomeCancelled
	case sdp.KindIndeterminate:
		return OutcomeIndeterminate
	}
	return OutcomeError
}
