package edit

import (
	"bytes"

	"github.com/lectern-dev/lectern/internal/manifest"
	"github.com/lectern-dev/lectern/internal/promptobject"
)

// editText changes the text of a file, whose encoding stays.
func editText(file []byte, change func(text []byte) ([]byte, error)) ([]byte, error) {
	text, encoding := manifest.DecodeText(file)
	if !bytes.Equal(encoding.Encode(text), file) {
		return nil, &promptobject.EditError{Problem: "the file has bytes that are no characters, and an edit would lose them; save it as UTF-8 first"}
	}
	after, err := change(text)
	if err != nil || after == nil {
		return nil, err
	}
	return encoding.Encode(after), nil
}
