package transport

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
)

// maxPooledBuffer bounds what a buffer may have grown to and still be used again.
const maxPooledBuffer = 1 << 20

// responseBuffer is a buffer with encoders into it. Prompts are full of <, > and &, which need no escapes
// outside HTML; results of tools have them, as mcp-go's own encoding has.
type responseBuffer struct {
	bytes.Buffer
	encoder, escaping *json.Encoder
}

var responseBuffers = sync.Pool{New: func() any {
	p := &responseBuffer{}
	p.encoder, p.escaping = json.NewEncoder(&p.Buffer), json.NewEncoder(&p.Buffer)
	p.encoder.SetEscapeHTML(false)
	return p
}}

func newResponseBuffer() *responseBuffer {
	p := responseBuffers.Get().(*responseBuffer)
	p.Reset()
	return p
}

func (p *responseBuffer) release() {
	if p.Cap() <= maxPooledBuffer {
		responseBuffers.Put(p)
	}
}

// appendResponse writes a whole response: the id as it came, and a result or a failure.
func (p *responseBuffer) appendResponse(id json.RawMessage, result any, f *Failure) error {
	p.WriteString(`{"jsonrpc":"2.0","id":`)
	if len(id) == 0 {
		p.WriteString("null")
	}
	p.Write(id)
	var member any = f.withShortMessage()
	encoder := p.encoder
	if f == nil {
		p.WriteString(`,"result":`)
		member = result
		if tool, is := result.(*toolResult); is {
			if done, err := p.appendToolResult(tool); done || err != nil {
				p.WriteByte('}')
				return err
			}
			encoder = p.escaping
		}
	} else {
		p.WriteString(`,"error":`)
	}
	if err := encoder.Encode(member); err != nil {
		return err
	}
	p.Truncate(p.Len() - 1) // the encoder ends with a newline
	p.WriteByte('}')
	return nil
}

var jsonType = []string{"application/json"}

// maxImplicitLength is up to which size net/http finds out the length of a response by itself.
const maxImplicitLength = 2048

// send writes the buffer as the only content of a response.
func (p *responseBuffer) send(w http.ResponseWriter, status int, claim *bodyClaim) {
	header := w.Header()
	header["Content-Type"] = jsonType
	if p.Len() > maxImplicitLength {
		header["Content-Length"] = []string{strconv.Itoa(p.Len())}
	}
	w.WriteHeader(status)
	_ = claim.write(w, p.Bytes()) // a client that went away needs no answer
}
