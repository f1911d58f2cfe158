package servicedesk

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/lectern-dev/lectern/internal/sdp"
)

// The OAuth scopes that writing tickets needs.
const (
	createScope = "SDPOnDemand.requests.CREATE"
	updateScope = "SDPOnDemand.requests.UPDATE"
	deleteScope = "SDPOnDemand.requests.DELETE"
)

// fieldChange is what becomes of one field of a ticket.
type fieldChange struct {
	// name is that of the argument, path that of SDP: udf_fields.udf_pick_2.
	name, path string
	// after is how it is shown then, and asked the lines that a person confirms, where what is sent and was before does not say all.
	after, asked string
	// value is what is sent; sign returns it where it is a text that is signed.
	value any
	sign  func(signature) any
	// isDone reports whether a ticket is as it was to be; nil compares what is shown.
	isDone func(*sdp.Request, signature) bool
}

// requestChange is what a call changes of a ticket.
type requestChange []fieldChange

// fields returns what is sent.
func (c requestChange) fields(s signature) sdp.Fields {
	fields := sdp.Fields{}
	for _, one := range c {
		value := one.value
		if one.sign != nil {
			value = one.sign(s)
		}
		into, name := fields, one.path
		if outer, inner, isInside := strings.Cut(one.path, "."); isInside {
			nested, is := fields[outer].(sdp.Fields)
			if !is {
				nested = sdp.Fields{}
				fields[outer] = nested
			}
			into, name = nested, inner
		}
		into[name] = value
	}
	return fields
}

// afterValues returns what is shown of a ticket once it is changed.
func (c requestChange) afterValues(before map[string]string) map[string]string {
	after := make(map[string]string, len(before))
	maps.Copy(after, before)
	for _, one := range c {
		if one.after != "" || one.value == nil && one.sign == nil {
			after[one.name] = one.after
		}
	}
	return after
}

// isDone reports whether a ticket is as it was to be.
func (c requestChange) isDone(d *desk, r *sdp.Request, s signature) bool {
	return len(c.undone(d, r, s)) == 0
}

// undone returns the names of the fields that are not as they were to be, as far as a ticket tells.
func (c requestChange) undone(d *desk, r *sdp.Request, s signature) []string {
	values := d.requestValues(r)
	var names []string
	for _, one := range c {
		switch {
		case one.isDone != nil && one.isDone(r, s):
		case one.isDone == nil && strings.EqualFold(values[one.name], one.after):
		default:
			names = append(names, one.name)
		}
	}
	return names
}

// without returns the changes of other fields than some of SDP.
func (c requestChange) without(paths []string) requestChange {
	return slices.DeleteFunc(slices.Clone(c), func(one fieldChange) bool { return slices.Contains(paths, one.path) })
}

// notEditableCode is what SDP says of a field that may not be written now, beside lockedCode with the name of the field.
const (
	lockedCode      = 4002
	notEditableCode = 4009
)

// lockedPaths returns the fields that SDP does not let be set, where it refused a change for them alone.
func (c requestChange) lockedPaths(err error) []string {
	failed, is := errors.AsType[*sdp.Error](err)
	if !is || failed.Code != lockedCode && failed.Code != notEditableCode || len(failed.Fields) == 0 {
		return nil
	}
	for _, field := range failed.Fields {
		if !slices.ContainsFunc(c, func(one fieldChange) bool { return one.path == field }) {
			return nil
		}
	}
	return failed.Fields
}

// changeOutcome is what became of a change.
type changeOutcome struct {
	// after is the ticket as it was read back; nil where it could not be, or is outside of the ceilings now.
	after *sdp.Request
	// dropped are the fields that are as they were, by the names of arguments, with the reason.
	dropped map[string]string
}

// sendChange changes a ticket in a step. What SDP does not let be set is left out, and said. A text that says why does not count: a call
// that would change nothing else is not made.
func (d *desk) sendChange(ctx context.Context, w *write, before *sdp.Request, change requestChange, reasons map[string]string) (changeOutcome, error) {
	out := changeOutcome{dropped: map[string]string{}}
	left, signed := change, signature{}
	var answered *sdp.Request
	_, err := w.send(ctx, writeStep{
		name: "update", weight: 1, seen: &before.LastUpdatedTime,
		send: func(ctx context.Context, s signature) (writtenRecord, error) {
			signed = s
			update := func(fields sdp.Fields) (sdp.Request, error) {
				return d.client.Requests().Update(ctx, before.ID, addReasons(fields, s, reasons))
			}
			updated, err := d.sendFields(ctx, &left, s, update)
			if locked := left.lockedPaths(err); len(locked) > 0 && len(left.without(locked)) > 0 {
				for _, one := range left {
					if slices.Contains(locked, one.path) {
						out.dropped[one.name] = "ServiceDesk Plus does not let it be set now, as a priority matrix or a closed ticket does"
					}
				}
				left = left.without(locked)
				if updated, err = update(left.fields(s)); err == nil {
					answered = &updated // the fourth call: it is not read once more
				}
			}
			return writtenRecord{ID: before.ID, Number: before.DisplayID}, explainWrite(updateScope, err)
		},
		find: func(ctx context.Context, attempt *sdp.Attempt, s signature) (sdp.WriteLookup, error) {
			return d.client.Requests().FindUpdated(ctx, attempt, before.ID, func(r sdp.Request) bool { return left.isDone(d, &r, s) })
		},
	})
	if err != nil {
		return out, d.explainRefusal(ctx, before, err)
	}
	if out.after = answered; answered == nil {
		out.after = d.readBack(ctx, before.ID)
	} else if !d.admits(answered) {
		out.after = nil
	}
	if out.after != nil && signed != (signature{}) {
		for _, name := range left.undone(d, out.after, signed) {
			out.dropped[name] = "ServiceDesk Plus answered that it was done, and left the field as it is"
		}
	}
	return out, nil
}

// addReasons adds texts that say why to what is sent.
func addReasons(fields sdp.Fields, s signature, reasons map[string]string) sdp.Fields {
	for name, text := range reasons {
		fields[name] = s.of(text)
	}
	return fields
}

// sendFields sends a change. Where SDP says that an id is none any more, the lists that it is from are read again, and what they have under
// the same name now is sent once more.
func (d *desk) sendFields(ctx context.Context, change *requestChange, s signature, send func(sdp.Fields) (sdp.Request, error)) (sdp.Request, error) {
	answered, err := send(change.fields(s))
	if !isUnknownValue(err) {
		return answered, err
	}
	renewed, isNew := d.renewEntries(ctx, *change, err)
	if !isNew {
		return answered, err
	}
	*change = renewed
	return send(change.fields(s))
}

// renewEntries returns a change with the entries of the fields that SDP refused as their lists have them now, if any differs.
func (d *desk) renewEntries(ctx context.Context, change requestChange, err error) (renewed requestChange, isNew bool) {
	failed, _ := errors.AsType[*sdp.Error](err)
	renewed = slices.Clone(change)
	for i := range renewed {
		of, isEntry := entryFields[renewed[i].path]
		ref, isRef := renewed[i].value.(sdp.Ref)
		if !isEntry || !isRef || ref.ID == "" || !slices.Contains(failed.Fields, renewed[i].path) {
			continue
		}
		list, isFresh, err := d.lookups.reload(ctx, of, ref.Name)
		if err != nil || !isFresh {
			continue
		}
		found := slices.DeleteFunc(slices.Clone(findEntries(list.entries, ref.Name)), func(e entry) bool { return e.flags.Deleted })
		if len(found) == 1 && found[0].id != ref.ID {
			renewed[i].value, isNew = found[0].ref(), true
		}
	}
	return renewed, isNew
}

// readBack returns a ticket after a write; nil where it cannot be read, or is outside of the ceilings now: the write is done all the same.
func (d *desk) readBack(ctx context.Context, id string) *sdp.Request {
	found, err := d.readByID(ctx, id)
	if err != nil {
		return nil
	}
	return &found
}

// explainWrite names the scope that a refused write needs, unless SDP refuses a field.
func explainWrite(scope string, err error) error {
	if failed, is := errors.AsType[*sdp.Error](err); is && len(failed.Fields) > 0 {
		return err
	}
	return needScope(scope, err)
}
