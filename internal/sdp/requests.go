package sdp

import (
	"context"
	"net/http"
	"regexp"
	"unicode/utf8"
)

// Requests are tickets. They have no plain Delete, which on premises purges what is in the trash.
type Requests struct{ Editor[Request] }

// Requests returns the tickets.
func (c *Client) Requests() Requests {
	return Requests{newEditor(c, requestRecord, pathOf("requests"))}
}

// displayNumber is a number as people write it: 31, #31, RE-31.
var displayNumber = regexp.MustCompile(`^\s*(?:#|[A-Za-z]{1,10}-)?\s*([0-9]{1,14})\s*$`)

// ParseDisplayID returns the number of a request as people quote it (31, #31, RE-31); ok is false for anything else.
func ParseDisplayID(text string) (number string, ok bool) {
	found := displayNumber.FindStringSubmatch(text)
	if found == nil {
		return "", false
	}
	return found[1], true
}

// FindByDisplayID returns the request with the number that people quote, as a row of a list with the given fields more. The
// error is of KindNotFound when there is none, also when SDP answers with others.
func (s Requests) FindByDisplayID(ctx context.Context, number string, ceiling Criteria, fields ...string) (Request, error) {
	number, ok := ParseDisplayID(number)
	if !ok {
		return Request{}, invalidInput("find request", "the number of a request is digits, such as 31, #31 or RE-31")
	}
	page, err := s.List(ctx, ListOptions{Rows: 2, Where: All(ceiling, Where("display_id", Is, number)), Fields: fields})
	if err != nil {
		return Request{}, err
	}
	for _, found := range page.Items {
		if found.DisplayID == number {
			return found, nil
		}
	}
	return Request{}, &Error{Op: "find request", Kind: KindNotFound, reason: reasonOf(KindNotFound, 0)}
}

// Closure is what closing a request says. Comments have at most 250 characters.
type Closure struct {
	// Code is left out where it is zero: sites without closure codes refuse one.
	Code                  Ref
	Comments              string
	RequesterAcknowledges bool
	RequesterComments     string
}

// maxShortText is how long closure_comments, update_reason, impact_details and subject may be, in characters.
const maxShortText = 250

// Close closes a request. KindNotPerformed with Fields says what has to be set first, such as the resolution.
func (s Requests) Close(ctx context.Context, id string, closure Closure) error {
	if utf8.RuneCountInString(closure.Comments) > maxShortText || utf8.RuneCountInString(closure.RequesterComments) > maxShortText {
		return invalidInput("close request", "comments have at most 250 characters")
	}
	info := Fields{
		"requester_ack_resolution": closure.RequesterAcknowledges, "requester_ack_comments": closure.RequesterComments, "closure_comments": closure.Comments,
	}
	if !closure.Code.IsZero() {
		info["closure_code"] = closure.Code
	}
	return s.act(ctx, "close", http.MethodPut, s.action(id, "close"), Fields{"request": Fields{"closure_info": info}})
}

// Assign gives a request to a technician, a group, or a technician of that group: SDP wants both where both are known.
func (s Requests) Assign(ctx context.Context, id string, group, technician Ref) error {
	fields := Fields{}
	if !group.IsZero() {
		fields["group"] = group
	}
	if !technician.IsZero() {
		fields["technician"] = technician
	}
	if len(fields) == 0 {
		return invalidInput("assign request", "a group or a technician is needed")
	}
	return s.act(ctx, "assign", http.MethodPut, s.action(id, "assign"), Fields{"request": fields})
}

// Pickup assigns a request to the owner of the token, who is nobody's caller: see Assign.
func (s Requests) Pickup(ctx context.Context, id string) error {
	return s.actByAny(ctx, "pick up", http.MethodPut, s.spelled(id, "pickup")...)
}

// HoldFields are the fields of an update that puts a request on hold until a time, when it gets the next status.
func HoldFields(onHold Ref, until Time, next Ref, comments string) Fields {
	scheduler := Fields{"comments": comments}
	if !until.IsZero() {
		scheduler["scheduled_time"], scheduler["change_to_status"] = until, next
	}
	return Fields{"status": onHold, "onhold_scheduler": scheduler}
}

// Trash moves a request to the trash.
func (s Requests) Trash(ctx context.Context, id string) error {
	return s.act(ctx, "trash", http.MethodDelete, s.path.withID(id).to(s.client.config.Edition.trashSegments()...), nil)
}

// Restore takes a request out of the trash. It has no body: on premises any is refused.
func (s Requests) Restore(ctx context.Context, id string) error {
	return s.actByAny(ctx, "restore", http.MethodPut, s.spelled(id, "restore_from_trash")...)
}

// Purge deletes a request in the trash for good, on premises alone: no public text says for sure how in the cloud. One that is not
// in the trash is refused (4017).
func (s Requests) Purge(ctx context.Context, id string) error {
	if s.client.config.Edition != OnPremises {
		return newUnsupported("purge request", s.client.config.Edition)
	}
	return s.act(ctx, "purge", http.MethodDelete, s.path.withID(id), nil)
}

// Merge merges other requests into one, which cannot be undone.
func (s Requests) Merge(ctx context.Context, id string, others ...string) error {
	list := make([]Ref, len(others))
	for i, other := range others {
		list[i] = ByID(other)
	}
	return s.act(ctx, "merge", http.MethodPut, s.path.withID(id).to("merge_requests"), Fields{"merge_requests": list})
}

// Links returns the requests that one is linked with.
func (s Requests) Links(id string) Reader[RequestLink] {
	return newReader(s.client, requestLinkRecord, s.path.withID(id).to("link_requests"))
}

// Link links a request with others.
func (s Requests) Link(ctx context.Context, id string, others []string, comments string) error {
	return s.Links(id).act(ctx, "create", http.MethodPost, s.Links(id).path, linkInput(others, comments))
}

// Unlink ends links.
func (s Requests) Unlink(ctx context.Context, id string, others []string) error {
	links := s.Links(id)
	return links.actOn(ctx, "delete", http.MethodDelete, links.path, linkInput(others, ""))
}

func linkInput(others []string, comments string) Fields {
	links := make([]Fields, len(others))
	for i, other := range others {
		links[i] = Fields{"linked_request": ByID(other)}
		if comments != "" {
			links[i]["comments"] = comments
		}
	}
	return Fields{"link_requests": links}
}

// Summary returns what SDP counts of a request.
func (s Requests) Summary(ctx context.Context, id string) (Raw, error) {
	return s.getObject(ctx, "summarize", s.path.withID(id).to("summary"), "summary", "request_summary")
}

// Metainfo returns what fields requests have at the site: fields.<name>{type, lookup_entity}, user-defined ones under
// fields.udf_fields.fields.
func (s Requests) Metainfo(ctx context.Context) (Raw, error) {
	return s.getObject(ctx, "describe", s.path.to("_metainfo"), "metainfo")
}

// Resolution returns how a request was solved.
func (s Requests) Resolution(ctx context.Context, id string) (Resolution, error) {
	at := newReader(s.client, resolutionRecord, s.path.withID(id).to("resolutions"))
	return at.one(ctx, at.call("get", http.MethodGet, at.path))
}

// AddResolution says how a request was solved. ReplaceResolution says it anew.
func (s Requests) AddResolution(ctx context.Context, id, contentHTML string, addToLinked bool) (Resolution, error) {
	return s.writeResolution(ctx, "add", http.MethodPost, id, contentHTML, addToLinked)
}

// ReplaceResolution changes what AddResolution said.
func (s Requests) ReplaceResolution(ctx context.Context, id, contentHTML string, addToLinked bool) (Resolution, error) {
	return s.writeResolution(ctx, "replace", http.MethodPut, id, contentHTML, addToLinked)
}

func (s Requests) writeResolution(ctx context.Context, verb, method, id, contentHTML string, addToLinked bool) (Resolution, error) {
	at := newReader(s.client, resolutionRecord, s.path.withID(id).to("resolutions"))
	spec := at.call(verb, method, at.path)
	spec.input = at.envelope(nil, Fields{"content": contentHTML, "add_to_linked_requests": addToLinked})
	return at.one(ctx, spec)
}

// Association is what a request is associated with; its value is the last segment of the path.
type Association string

// What a request may be associated with.
const (
	AssociatedProblem         Association = "problem"
	AssociatedInitiatedChange Association = "request_initiated_change"
	AssociatedCausedByChange  Association = "request_caused_by_change"
	AssociatedProject         Association = "project"
)

// associationInputs returns what may name the other record, the likelier first: public texts show the envelope of problems alone.
func associationInputs(kind Association, id string) []Fields {
	if kind == AssociatedInitiatedChange || kind == AssociatedCausedByChange {
		change := Fields{"change": ByID(id)}
		return []Fields{{string(kind) + "_association": change}, {string(kind): change}}
	}
	return []Fields{{"request_" + string(kind) + "_association": Fields{string(kind): ByID(id)}}}
}

// Associate associates a request with a problem, a change or a project.
func (s Requests) Associate(ctx context.Context, id string, kind Association, other string) error {
	return s.actOn(ctx, "associate", http.MethodPost, s.path.withID(id).to(string(kind)), associationInputs(kind, other)...)
}

// Associated returns what a request is associated with; nothing where there is nothing.
func (s Requests) Associated(ctx context.Context, id string, kind Association) (Ref, error) {
	spec := s.call("read association of", http.MethodGet, s.path.withID(id).to(string(kind)))
	got, err := s.client.do(ctx, spec)
	if err != nil {
		return Ref{}, err
	}
	object := got.body
	for _, input := range associationInputs(kind, "") {
		for envelope := range input {
			if inner := object.Object(envelope); !inner.IsZero() && inner.Has(associatedName(kind)) {
				object = inner
			}
		}
	}
	return object.Ref(associatedName(kind)), nil
}

// associatedName is what the other record is called in an association.
func associatedName(kind Association) string {
	if kind == AssociatedInitiatedChange || kind == AssociatedCausedByChange {
		return "change"
	}
	return string(kind)
}

// Dissociate ends an association. It has an input, unlike other deletions.
func (s Requests) Dissociate(ctx context.Context, id string, kind Association, other string) error {
	return s.actOn(ctx, "dissociate", http.MethodDelete, s.path.withID(id).to(string(kind)), associationInputs(kind, other)...)
}

// action returns the path of an action that the editions spell differently.
func (s Requests) action(id, name string) path {
	return s.path.withID(id).to(s.client.config.Edition.actionName(name))
}
