package sdptest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const maxBody = 32 << 20

// upload is a file of a multipart body.
type upload struct {
	field, name, contentType string
	content                  []byte
}

// request is a call as it arrived, read to its end, so that it can be answered after its client left.
type request struct {
	*http.Request
	query   url.Values
	form    url.Values // fields of the body
	uploads []upload
}

func readRequest(r *http.Request) (*request, error) {
	in := &request{Request: r, query: r.URL.Query(), form: url.Values{}}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return nil, err
	}
	kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch kind {
	case "application/x-www-form-urlencoded":
		if in.form, err = url.ParseQuery(string(body)); err != nil {
			return in, nil //nolint:nilerr // a form that does not parse has no fields
		}
	case "multipart/form-data":
		in.readParts(multipart.NewReader(bytes.NewReader(body), params["boundary"]))
	}
	return in, nil
}

func (in *request) readParts(parts *multipart.Reader) {
	for {
		part, err := parts.NextPart()
		if err != nil {
			return
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return
		}
		if part.FileName() == "" {
			in.form.Add(part.FormName(), string(content))
			continue
		}
		in.uploads = append(in.uploads, upload{part.FormName(), part.FileName(), part.Header.Get("Content-Type"), content})
	}
}

// parameter returns a parameter of the body or of the query.
func (in *request) parameter(name string) string {
	if in.form.Has(name) {
		return in.form.Get(name)
	}
	return in.query.Get(name)
}

// hasRawBrackets says whether the query was sent without percent-encoding, which the container in
// front of the API refuses.
func (in *request) hasRawBrackets() bool { return strings.ContainsAny(in.URL.RawQuery, `[]{}"`) }

// inputData decodes the one parameter that carries all JSON, from the query or the body of any verb, of a DELETE from where it is
// read. It returns nil when there is none.
func (in *request) inputData(ofDelete Place) (Record, error) {
	text, given := in.parameter("input_data"), in.form.Has("input_data") || in.query.Has("input_data")
	switch {
	case in.Method != http.MethodDelete:
	case ofDelete == QueryAlone:
		text, given = in.query.Get("input_data"), in.query.Has("input_data")
	case ofDelete == FormAlone:
		text, given = in.form.Get("input_data"), in.form.Has("input_data")
	}
	if !given {
		return nil, nil //nolint:nilnil // no input is an input
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var decoded any
	err := decoder.Decode(&decoded)
	if _, more := decoder.Token(); err == nil && !errors.Is(more, io.EOF) {
		err = errors.New("more than one value")
	}
	object, is := asRecords(decoded).(Record)
	if err != nil || !is {
		return nil, refuse(message{code: codeFailed, text: "Unable to parse input_data"})
	}
	return object, nil
}

// asRecords turns the maps of encoding/json into Records.
func asRecords(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(Record, len(v))
		for k, inner := range v {
			out[k] = asRecords(inner)
		}
		return out
	case []any:
		for i := range v {
			v[i] = asRecords(v[i])
		}
	}
	return v
}

// spellNumbers turns numbers into the strings that answers hold.
func spellNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		return v.String()
	case Record:
		out := make(Record, len(v))
		for k, inner := range v {
			out[k] = spellNumbers(inner)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = spellNumbers(v[i])
		}
		return out
	}
	return v
}

func mapKeys(of Record) iter.Seq[string] { return maps.Keys(of) }

// checkParameters refuses parameters that a call does not know.
func (c *call) checkParameters(known ...string) error {
	if !c.dialect.cloud() {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(c.query)) {
		if name != "input_data" && !slices.Contains(known, name) {
			return refuseExtraParameter(name)
		}
	}
	return nil
}

// root returns the object under the entity's root, which a write must have and have alone.
func (c *call) root(name string, beside ...string) (Record, error) {
	if c.input == nil {
		if c.server.options.Guesses.MissingInputCode == codeFailed {
			return nil, refuse(message{code: codeFailed, text: "input_data is missing"})
		}
		return nil, refuseMissing(name)
	}
	for _, k := range slices.Sorted(maps.Keys(c.input)) {
		if k != name && !slices.Contains(beside, k) {
			return nil, refuseExtraKey(k)
		}
	}
	object, is := c.input[name].(Record)
	switch {
	case is:
		return object, nil
	case c.input[name] == nil:
		return nil, refuseMissing(name)
	}
	return nil, refuseType(name)
}

// noInput refuses input of an action that has no body.
func (c *call) noInput() error {
	if c.input != nil {
		return refuse(message{code: codeInvalid, text: "Extra parameter(s) not allowed"})
	}
	return nil
}
