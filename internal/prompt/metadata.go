package prompt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gowebpki/jcs"

	"github.com/lectern-dev/lectern/internal/excerpt"
)

// CanonicalMetadata writes a JSON object of metadata as canonical JSON, so that equal objects give equal Digests
// however they are written. What would not survive that, or not survive Postgres, is refused: a
// value is never changed silently.
func CanonicalMetadata(raw json.RawMessage) (json.RawMessage, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	fail := func(format string, args ...any) (json.RawMessage, error) {
		return nil, &SpecError{"metadata", fmt.Sprintf(format, args...)}
	}
	if !utf8.Valid(raw) {
		return fail("is not valid UTF-8")
	}
	if problem := metadataProblem(raw); problem != "" {
		return fail("%s", problem)
	}
	canonical, err := jcs.Transform(raw)
	if err != nil {
		return fail("is not JSON that can be kept: %s", excerpt.Truncate(err.Error(), 200))
	}
	if len(canonical) > MaxMetadata {
		return fail("has %d bytes as compact JSON; at most %d (%d KiB) are allowed; shorten its values or remove some", len(canonical), MaxMetadata, MaxMetadata>>10)
	}
	return canonical, nil
}

// metadataProblem says what keeps a text from being metadata. Duplicate names and lone surrogates are
// left to the canonicalizer, which sees them and the JSON decoder does not.
func metadataProblem(raw []byte) string {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	depth := 0
	for first := true; ; first = false {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) && !first {
			return ""
		}
		if err != nil {
			return fmt.Sprintf("is not JSON: %s", excerpt.Truncate(err.Error(), 200))
		}
		if first && token != json.Delim('{') {
			return "must be a JSON object, such as {\"owner\": \"ops\"}"
		}
		switch value := token.(type) {
		case json.Delim:
			if value == '}' || value == ']' {
				depth--
			} else if depth++; depth > maxJSONNesting {
				return fmt.Sprintf("objects and arrays are nested more than %d deep", maxJSONNesting)
			}
		case string:
			if problem := storableProblem(value); problem != "" {
				return problem
			}
		case json.Number:
			if problem := numberProblem(value.String()); problem != "" {
				return problem
			}
		}
	}
}

// numberProblem refuses numbers that canonical JSON, whose numbers are IEEE 754 doubles, would
// change.
func numberProblem(text string) string {
	value, err := strconv.ParseFloat(text, 64)
	whole := !strings.ContainsAny(text, ".eE")
	if err != nil || math.IsInf(value, 0) || whole && math.Abs(value) >= 1<<53 {
		return fmt.Sprintf("the number %s cannot be kept exactly; write it as a string", excerpt.Truncate(text, 40))
	}
	return ""
}
