package sdp

import (
	"context"
	"net/http"
	"net/url"
)

// recordType is a kind of record: how it is called, and how it is decoded.
type recordType[T any] struct {
	// name is what errors call it, and what edition.go goes by.
	name string
	// root is the name of its JSON object in what is sent; roots and lists are those that are read, in any edition.
	root         string
	roots, lists []string
	decode       func(Raw) T
}

// Reader is a list of records that can be read, such as the conversations of a request.
type Reader[T any] struct {
	client *Client
	record *recordType[T]
	path   path
}

// Editor is a Reader of records that can be made and changed, but not deleted by a plain DELETE.
type Editor[T any] struct{ Reader[T] }

// Collection is an Editor of records that can be deleted.
type Collection[T any] struct{ Editor[T] }

func newReader[T any](c *Client, record *recordType[T], at path) Reader[T] {
	return Reader[T]{client: c, record: record, path: at}
}

func newEditor[T any](c *Client, record *recordType[T], at path) Editor[T] {
	return Editor[T]{newReader(c, record, at)}
}

func newCollection[T any](c *Client, record *recordType[T], at path) Collection[T] {
	return Collection[T]{newEditor(c, record, at)}
}

// List returns a page. Rows leave out fields, which does not mean that they are empty (Raw.Has).
func (r Reader[T]) List(ctx context.Context, o ListOptions) (Page[T], error) {
	spec := r.call("list", http.MethodGet, r.path)
	input, err := o.encode(r.client.config.Edition, r.record.name)
	if err != nil {
		return Page[T]{}, invalidInput(spec.op, err.Error())
	}
	if input != nil {
		spec.input = input
	}
	got, err := r.client.do(ctx, spec)
	if err != nil {
		return Page[T]{}, err
	}
	return readPage(got.answer, o.Start, r.record.lists, r.record.decode), nil
}

// Get returns a record by its internal id.
func (r Reader[T]) Get(ctx context.Context, id string) (T, error) {
	return r.one(ctx, r.call("get", http.MethodGet, r.path.withID(id)))
}

// Create makes a record and returns it as SDP made it. It is sent again only if SDP did not carry it out.
func (e Editor[T]) Create(ctx context.Context, fields Fields) (T, error) {
	spec := e.call("create", http.MethodPost, e.path)
	spec.input = e.envelope(fields)
	return e.one(ctx, spec)
}

// Update changes the given fields of a record, and returns it.
func (e Editor[T]) Update(ctx context.Context, id string, fields Fields) (T, error) {
	spec := e.call("update", http.MethodPut, e.path.withID(id))
	spec.input = e.envelope(fields)
	return e.one(ctx, spec)
}

// Delete deletes a record: for good, where the edition has no trash for its kind.
func (c Collection[T]) Delete(ctx context.Context, id string) error {
	_, err := c.client.do(ctx, c.call("delete", http.MethodDelete, c.path.withID(id)))
	return err
}

// call returns a call on records of the kind.
func (r Reader[T]) call(verb, method string, at path) *call {
	return &call{op: verb + " " + r.record.name, record: r.record.name, method: method, path: at}
}

// envelope wraps fields as a write has them.
func (r Reader[T]) envelope(fields Fields) Fields {
	edition := r.client.config.Edition
	return Fields{edition.rootOf(r.record.name, r.record.root): edition.translate(r.record.name, fields)}
}

// one sends a call whose answer is a record.
func (r Reader[T]) one(ctx context.Context, spec *call) (record T, err error) {
	got, err := r.client.do(ctx, spec)
	if err != nil {
		return record, err
	}
	object := got.body.Object(rootName(got.body, r.record.roots))
	if object.IsZero() {
		return record, missingRecord(spec, got.answer)
	}
	return r.record.decode(object), nil
}

// missingRecord is the error of a success without the record: a write was carried out, but nobody knows on what.
func missingRecord(spec *call, a answer) *Error {
	e := &Error{Op: spec.op, Kind: KindUnavailable, Status: a.status, reason: "SDP's answer has no record"}
	if spec.isWrite() {
		e.Kind, e.Attempt = KindIndeterminate, &Attempt{Method: spec.method, Path: spec.path.text, Record: spec.record}
	}
	return e
}

// act sends an action on a record, whose answer is a status alone. A nil input sends no body, on which some actions insist.
func (r Reader[T]) act(ctx context.Context, verb, method string, at path, input any) error {
	spec := r.call(verb, method, at)
	spec.input = input
	_, err := r.client.do(ctx, spec)
	return err
}

// actWithQuery sends an action whose input are parameters.
func (r Reader[T]) actWithQuery(ctx context.Context, verb, method string, at path, query url.Values) error {
	spec := r.call(verb, method, at)
	spec.query = query
	_, err := r.client.do(ctx, spec)
	return err
}

// getObject returns an answer's object, for what has no type of its own.
func (r Reader[T]) getObject(ctx context.Context, verb string, at path, roots ...string) (Raw, error) {
	spec := r.call(verb, http.MethodGet, at)
	got, err := r.client.do(ctx, spec)
	if err != nil {
		return Raw{}, err
	}
	object := got.body.Object(rootName(got.body, roots))
	if object.IsZero() {
		return Raw{}, missingRecord(spec, got.answer)
	}
	return object, nil
}
