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
	// made is what lookups of writes go by; nil where no text can bear a mark. madeField is the time that lists can be asked by,
	// if they can; madeFields are what rows are asked for.
	made       func(T) madeRecord
	madeField  string
	madeFields []string
}

// Reader is a list of records that can be read, such as the conversations of a request.
type Reader[T any] struct {
	client *Client
	record *recordType[T]
	path   path
	// others are where the list is at sites that do not have it at path.
	others []path
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
	isUnknown := func(failed *Error) bool { return isPathUnknown(failed) || isNamedOtherwise(r.record.name, failed) }
	v := variants{name: "list " + r.record.name, isUnknown: isUnknown}
	for _, at := range r.paths() {
		for _, names := range r.client.config.Edition.namingsOf(r.record.name) {
			spec := r.call("list", http.MethodGet, at)
			input, err := o.encode(r.client.config.Edition, names.rename)
			if err != nil {
				return Page[T]{}, invalidInput(spec.op, err.Error())
			}
			if input != nil {
				spec.input = input
			}
			v.calls = append(v.calls, spec)
		}
	}
	got, err := r.client.doVariants(ctx, v)
	if err != nil {
		return Page[T]{}, err
	}
	return readPage(got.answer, o.Start, r.record.lists, r.record.decode), nil
}

// Get returns a record by its internal id.
func (r Reader[T]) Get(ctx context.Context, id string) (T, error) {
	v := variants{name: "list " + r.record.name, isUnknown: isPathUnknown}
	for _, at := range r.paths() {
		v.calls = append(v.calls, r.call("get", http.MethodGet, at.withID(id)))
	}
	return r.oneOf(ctx, v)
}

func (r Reader[T]) paths() []path { return append([]path{r.path}, r.others...) }

// Create makes a record and returns it as SDP made it. It is sent again only if SDP did not carry it out.
func (e Editor[T]) Create(ctx context.Context, fields Fields) (T, error) {
	return e.write(ctx, "create", http.MethodPost, e.path, fields)
}

// Update changes the given fields of a record, and returns it.
func (e Editor[T]) Update(ctx context.Context, id string, fields Fields) (T, error) {
	return e.write(ctx, "update", http.MethodPut, e.path.withID(id), fields)
}

func (e Editor[T]) write(ctx context.Context, verb, method string, at path, fields Fields) (T, error) {
	isUnknown := func(failed *Error) bool { return isNamedOtherwise(e.record.name, failed) }
	v := variants{name: "write " + e.record.name, isUnknown: isUnknown}
	for _, names := range e.client.config.Edition.namingsOf(e.record.name) {
		spec := e.call(verb, method, at)
		spec.input = e.envelope(names, fields)
		v.calls = append(v.calls, spec)
	}
	return e.oneOf(ctx, v)
}

// Delete deletes a record: for good, where the edition has no trash for its kind.
func (c Collection[T]) Delete(ctx context.Context, id string) error {
	_, err := c.client.do(ctx, c.call("delete", http.MethodDelete, c.path.withID(id)))
	return err
}

// call returns a call on records of the kind.
func (r Reader[T]) call(verb, method string, at path) *call {
	return &call{op: verb + " " + r.record.name, record: r.record.name, method: method, path: at, isMarked: r.record.made != nil}
}

// envelope wraps fields as a write has them.
func (r Reader[T]) envelope(names naming, fields Fields) Fields {
	edition := r.client.config.Edition
	return Fields{edition.rootOf(r.record.name, r.record.root): edition.translate(r.record.name, names, fields)}
}

// one sends a call whose answer is a record.
func (r Reader[T]) one(ctx context.Context, spec *call) (T, error) {
	return r.oneOf(ctx, variants{calls: []*call{spec}})
}

func (r Reader[T]) oneOf(ctx context.Context, v variants) (record T, err error) {
	got, err := r.client.doVariants(ctx, v)
	if err != nil {
		return record, err
	}
	object := got.body.Object(rootName(got.body, r.record.roots))
	if object.IsZero() {
		return record, missingRecord(got)
	}
	return r.record.decode(object), nil
}

// missingRecord is the error of a success without the record: a write was carried out, but nobody knows on what.
func missingRecord(got result) *Error {
	e := &Error{Op: got.spec.op, Kind: KindUnavailable, Status: got.status, reason: "SDP's answer has no record"}
	if got.spec.isWrite() {
		e.Kind, e.Attempt = KindIndeterminate, got.asAttempt()
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

// actByAny sends an action without input to the one of several paths that the site knows.
func (r Reader[T]) actByAny(ctx context.Context, verb, method string, paths ...path) error {
	v := variants{name: verb + " " + r.record.name, isUnknown: isPathUnknown}
	for _, at := range paths {
		v.calls = append(v.calls, r.call(verb, method, at))
	}
	_, err := r.client.doVariants(ctx, v)
	return err
}

// actOn sends an action on what its input names, and that as the site reads it: in one of several envelopes, of a DELETE in the
// query or in the form.
func (r Reader[T]) actOn(ctx context.Context, verb, method string, at path, inputs ...Fields) error {
	v := variants{name: verb + " " + at.template, isUnknown: isInputUnread(inputs)}
	for _, input := range inputs {
		spec := r.call(verb, method, at)
		spec.input = input
		v.calls = append(v.calls, spec)
		if method == http.MethodDelete {
			elsewhere := *spec
			elsewhere.inputElsewhere = true
			v.calls = append(v.calls, &elsewhere)
		}
	}
	_, err := r.client.doVariants(ctx, v)
	return err
}

// spelled returns the paths that an action on a record may have.
func (r Reader[T]) spelled(id, action string) []path {
	var paths []path
	for _, name := range r.client.config.Edition.actionNames(action) {
		paths = append(paths, r.path.withID(id).to(name))
	}
	return paths
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
		return Raw{}, missingRecord(got)
	}
	return object, nil
}
