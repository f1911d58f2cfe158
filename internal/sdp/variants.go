package sdp

import (
	"context"
	"net/http"
	"slices"
)

// variants are calls that mean the same, of which a site knows one, and no public text says which.
type variants struct {
	// name is what the client remembers the known one by.
	name  string
	calls []*call
	// isUnknown reports whether a failure says that SDP did not understand the call, and so did nothing.
	isUnknown func(*Error) bool
}

// doVariants sends the variant that SDP understood before, else the first, and then the others while it understands none. When
// none is understood, the error is that of the first that was sent.
func (c *Client) doVariants(ctx context.Context, v variants) (result, error) {
	order := v.calls
	if known, is := c.knownVariants.Load(v.name); is {
		if at, is := known.(int); is && at < len(order) {
			order = slices.Concat(order[at:at+1], order[:at], order[at+1:])
		}
	}
	var first error
	for _, spec := range order {
		got, err := c.do(ctx, spec)
		failed, is := asError(err)
		if is && len(order) > 1 && v.isUnknown(failed) {
			if first == nil {
				first = err
			}
			continue
		}
		if err == nil {
			c.knownVariants.Store(v.name, slices.Index(v.calls, spec))
		}
		return got, err
	}
	return result{}, first
}

// isPathUnknown reports whether a failure may say that there is no such path, or none with that method (4021, of no field). A
// record that is not there reads the same.
func isPathUnknown(failed *Error) bool {
	switch {
	case failed.Kind == KindNotFound, failed.Status == http.StatusMethodNotAllowed:
		return true
	case failed.Kind == KindNotSDP:
		return failed.Status == http.StatusNotFound
	}
	return failed.Kind == KindRejected && failed.Code == 4021 && len(failed.Fields) == 0
}

// isInputUnread returns what reports whether a failure may say that SDP saw none of the inputs, or an envelope that it does not
// know.
func isInputUnread(inputs []Fields) func(*Error) bool {
	return func(failed *Error) bool {
		switch {
		case failed.Kind != KindRejected:
			return false
		case failed.Code == 4000, failed.Code == 4012:
			return true
		}
		return failed.Code == 4001 && slices.ContainsFunc(inputs, func(input Fields) bool {
			return slices.ContainsFunc(failed.Fields, func(field string) bool { _, has := input[field]; return has })
		})
	}
}
