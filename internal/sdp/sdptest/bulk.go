package sdptest

import (
	"errors"
	"net/http"
	"strings"
)

// inBulk does something to each record of the parameter ids, and answers what became of each. One that is refused does not stop
// the others; HTTP says failure when all were.
func (c *call) inBulk(do func(id string) error) (*answer, error) {
	ids := c.parameter("ids")
	if ids == "" {
		return nil, refuseMissing("ids")
	}
	var outcomes []message
	done := 0
	for id := range strings.SplitSeq(ids, ",") {
		outcome, err := message{code: codeSuccess, text: "Done"}, do(id)
		if refused, is := errors.AsType[*failure](err); is {
			outcome = refused.messages[0]
		} else if err != nil {
			return nil, err
		} else {
			done++
		}
		outcome.id = id
		outcomes = append(outcomes, outcome)
	}
	answered := &answer{status: http.StatusOK, wrote: done > 0, body: Record{"response_status": c.bulkStatus(outcomes)}}
	if done == 0 {
		answered.status = http.StatusBadRequest
	}
	return answered, nil
}

// bulkStatus is an array of statuses, or one whose messages have ids.
func (c *call) bulkStatus(outcomes []message) any {
	if !c.server.options.Guesses.BulkObject {
		statuses := make([]any, len(outcomes))
		for i, outcome := range outcomes {
			statuses[i] = statusOf([]message{outcome})
		}
		return statuses
	}
	return statusOf(outcomes)
}
