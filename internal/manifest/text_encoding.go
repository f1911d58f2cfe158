package manifest

import (
	"bytes"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
)

// TextEncoding is how the characters of a file stand in its bytes.
type TextEncoding struct {
	mark  []byte // the byte order mark the file begins with
	codec encoding.Encoding
}

// markedEncodings are those kubectl knows by their byte order mark. A file without one is UTF-8.
var markedEncodings = []TextEncoding{
	{[]byte("\xef\xbb\xbf"), unicode.UTF8},
	{[]byte("\xff\xfe"), unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)},
	{[]byte("\xfe\xff"), unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)},
}

// DecodeText returns the text of a file in UTF-8 without a byte order mark, as kubectl reads it: what is no character
// becomes U+FFFD.
func DecodeText(content []byte) ([]byte, TextEncoding) {
	as := TextEncoding{codec: unicode.UTF8}
	for _, e := range markedEncodings {
		if bytes.HasPrefix(content, e.mark) {
			as = e
			content = content[len(e.mark):]
			break
		}
	}
	if as.codec == unicode.UTF8 && utf8.Valid(content) {
		return content, as
	}
	text, _ := as.codec.NewDecoder().Bytes(content) // these decoders replace what is wrong, and give no error
	return text, as
}

// Encode returns the bytes of a file with this text.
func (e TextEncoding) Encode(text []byte) []byte {
	if e.codec != unicode.UTF8 {
		text, _ = e.codec.NewEncoder().Bytes(text) // UTF-16 has every character
	}
	if len(e.mark) == 0 {
		return text
	}
	return append(bytes.Clone(e.mark), text...)
}

// replacedCharacter finds the first U+FFFD in a text that has lost bytes of its file on the way, or -1.
func replacedCharacter(content, text []byte, as TextEncoding) int {
	if bytes.Equal(as.Encode(text), content) {
		return -1
	}
	return bytes.IndexRune(text, utf8.RuneError)
}
