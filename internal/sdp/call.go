package sdp

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// call is something to be sent.
type call struct {
	op, record string
	method     string
	path       path
	// input becomes input_data; nil sends none, which some actions insist on.
	input any
	// inputElsewhere sends the input of a DELETE where the edition is not known to read it.
	inputElsewhere bool
	// query has parameters beside it: unknown ones are refused by the cloud (EXTRA_PARAM_FOUND).
	query url.Values
	file  *formFile
	// isMarked is set where a text of the record may bear a mark.
	isMarked bool
	// wantsBytes is set where the answer is a file.
	wantsBytes bool
	// sentInput is the input as it was sent last.
	sentInput []byte
}

// formFile is a file to attach.
type formFile struct {
	field, name string
	content     []byte
	values      map[string]string
}

func (c *call) isWrite() bool { return c.method != http.MethodGet }

// path is that of a record, below the API's root.
type path struct {
	text, template string
	bad            bool
}

// idText is what an id is: the digits of a whole number.
var idText = regexp.MustCompile(`^[0-9]{1,25}$`)

func pathOf(segments ...string) path { return path{}.to(segments...) }

// to appends segments, which are ours.
func (p path) to(segments ...string) path {
	for _, segment := range segments {
		p.text, p.template = p.text+"/"+segment, p.template+"/"+segment
	}
	return p
}

// withID appends an id, which is somebody's.
func (p path) withID(id string) path {
	p.bad = p.bad || !idText.MatchString(id)
	p.text, p.template = p.text+"/"+id, p.template+"/{id}"
	return p
}

// newRequest returns the request of a call, without its token.
func (c *Client) newRequest(ctx context.Context, spec *call) (*http.Request, error) {
	var input []byte
	if spec.input != nil {
		encoded, err := encodeInput(spec.input)
		if err != nil {
			return nil, invalidInput(spec.op, "the input is no JSON that SDP could read")
		}
		input, spec.sentInput = encoded, encoded
	}
	query := url.Values{}
	maps.Copy(query, spec.query)
	var body io.Reader = http.NoBody
	contentType := ""
	inBody := spec.method == http.MethodPost || spec.method == http.MethodPut ||
		spec.method == http.MethodDelete && c.config.Edition.sendsDeleteInBody() != spec.inputElsewhere
	switch {
	case spec.file != nil:
		encoded, boundary, err := encodeUpload(spec.file)
		if err != nil {
			return nil, invalidInput(spec.op, "the file has a name that no form can carry")
		}
		body, contentType = encoded, boundary
	case input != nil && inBody:
		body, contentType = strings.NewReader(url.Values{"input_data": {string(input)}}.Encode()), "application/x-www-form-urlencoded"
	case input != nil:
		query.Set("input_data", string(input))
	}
	target := c.base + spec.path.text
	if len(query) > 0 {
		// + for a space is a form's spelling; not every container reads it in a query.
		target += "?" + strings.ReplaceAll(query.Encode(), "+", "%20")
	}
	request, err := http.NewRequestWithContext(ctx, spec.method, target, body)
	if err != nil {
		return nil, invalidInput(spec.op, "the path is none that can be asked for")
	}
	request.Header.Set("Accept", accept)
	request.Header.Set("User-Agent", "lectern")
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	return request, nil
}

// encodeInput writes JSON with < > & as they are: descriptions are HTML.
func encodeInput(input any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(input); err != nil {
		return nil, err
	}
	return bytes.TrimRight(buffer.Bytes(), "\n"), nil
}

func encodeUpload(file *formFile) (body io.Reader, contentType string, err error) {
	var buffer bytes.Buffer
	form := multipart.NewWriter(&buffer)
	for name, value := range file.values {
		if err := form.WriteField(name, value); err != nil {
			return nil, "", err
		}
	}
	part, err := form.CreateFormFile(file.field, file.name)
	if err != nil {
		return nil, "", err
	}
	if _, err := part.Write(file.content); err != nil {
		return nil, "", err
	}
	return &buffer, form.FormDataContentType(), form.Close()
}
