package connectionlogin

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/sdp"
)

// ProofPause is the time between two proofs that a token is refused.
const ProofPause = 10 * time.Second

// CallOnce makes one cheap call that shows whether ServiceDesk Plus takes the client's token: it asks for one record of something
// that the tools read. Its error is the client's.
func CallOnce(ctx context.Context, client *sdp.Client, toolsets []v1alpha1.Toolset) (err error) {
	one := sdp.ListOptions{Rows: 1}
	switch {
	case slices.Contains(toolsets, v1alpha1.ToolsetRequests), slices.Contains(toolsets, v1alpha1.ToolsetTrash):
		_, err = client.Requests().List(ctx, one)
	case slices.Contains(toolsets, v1alpha1.ToolsetProjects):
		_, err = client.Projects().List(ctx, one)
	case slices.Contains(toolsets, v1alpha1.ToolsetProblemsAndChanges):
		_, err = client.Problems().List(ctx, one)
	case slices.Contains(toolsets, v1alpha1.ToolsetKnowledge):
		_, err = client.Solutions().List(ctx, one)
	case slices.Contains(toolsets, v1alpha1.ToolsetAssets):
		_, err = client.Assets().List(ctx, one)
	case slices.Contains(toolsets, v1alpha1.ToolsetPeople):
		_, err = client.Users().List(ctx, one)
	default:
		_, err = client.ListLookup(ctx, sdp.Priorities, one)
	}
	return err
}

// Verdict is what a call says of a token that somebody says is refused.
type Verdict string

// The verdicts.
const (
	RefusalProven    Verdict = "proven"
	RefusalDisproved Verdict = "disproved"
	// RefusalUndecided: the call says nothing of the token.
	RefusalUndecided Verdict = "undecided"
)

// VerdictOf returns what a call that ended with err says of its token. One that was never made says nothing.
func VerdictOf(err error) Verdict {
	failed, isCall := errors.AsType[*sdp.Error](err)
	if err != nil && !isCall {
		return RefusalUndecided
	}
	switch kind := sdp.KindOf(err); {
	case err == nil:
		return RefusalDisproved
	case kind == sdp.KindTokenRefused:
		return RefusalProven
	case kind == sdp.KindUnavailable, kind == sdp.KindThrottled, kind == sdp.KindNotSDP, kind == sdp.KindCanceled, kind == sdp.KindNotAllowed,
		kind == sdp.KindNoToken, failed.Status == 0:
		return RefusalUndecided
	}
	return RefusalDisproved
}
