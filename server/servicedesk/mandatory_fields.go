package servicedesk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/tool"
)

// missingCode is what SDP says where mandatory fields are missing.
const missingCode = 4012

// explainRefusal says which mandatory fields are missing, with the values they may have; any other error stays as it is.
func (d *desk) explainRefusal(ctx context.Context, of *sdp.Request, err error) error {
	failed, is := errors.AsType[*sdp.Error](err)
	if !is || failed.Code != missingCode || len(failed.Fields) == 0 {
		return err
	}
	details := errorDetails{Kind: tool.Validation, SDPCode: failed.Code, Fields: failed.Fields, Outcome: store.WriteNotDone}
	var lines []string
	for _, field := range failed.Fields {
		parent := ""
		if above := parentFields[field]; above != "" && of != nil {
			parent = of.Raw.Ref(above).ID
		}
		names := d.allowedNames(ctx, field, parent)
		if len(failed.Fields) == 1 {
			details.Allowed = names
		}
		lines = append(lines, strings.TrimSuffix(field+": "+strings.Join(names, ", "), ": "))
	}
	return &tool.Error{
		Kind: tool.Validation, Details: details,
		Text: fmt.Sprintf("ServiceDesk Plus wants more fields (code %d); nothing was written%s. They are, with the values they may have,\n%s",
			failed.Code, sayDefaultsAlone(failed.Fields), richtext.FrameUntrusted(strings.Join(lines, "\n"))),
	}
}

// sayDefaultsAlone says which fields no argument has, but the defaults of a connection.
func sayDefaultsAlone(fields []string) string {
	var alone []string
	for _, field := range fields {
		if slices.Contains([]string{"request_type", "mode", "level", "site"}, field) {
			alone = append(alone, field)
		}
	}
	if len(alone) == 0 {
		return ""
	}
	return "; " + strings.Join(alone, ", ") + " no argument sets, but spec.defaults of the connection does"
}

// shownNames is how many values of a field are named.
const shownNames = 25

// allowedNames returns the values that a field may have, those of a parent where there is one; none where it has no list.
func (d *desk) allowedNames(ctx context.Context, field, parent string) []string {
	of, has := entryFields[field]
	if !has {
		return nil
	}
	list, err := d.lookups.read(ctx, of)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range list.entries {
		if name := shortenLine(e.name); !e.flags.Deleted && e.isWithin(parent) && !slices.Contains(names, name) && len(names) < shownNames {
			names = append(names, name)
		}
	}
	return names
}
