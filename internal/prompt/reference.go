package prompt

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/lectern-dev/lectern/internal/excerpt"
)

const (
	maxPromptName  = 63
	maxChannelName = 36
)

// String returns what follows the name of a prompt: "", "@3" or "@production".
func (s Selector) String() string {
	switch {
	case s.Version != 0:
		return "@" + strconv.FormatInt(s.Version, 10)
	case s.Channel != "":
		return "@" + s.Channel
	default:
		return ""
	}
}

// String returns the name with its selector, as an include is written.
func (r Ref) String() string { return r.Name + r.Selector.String() }

// ParseRef reads "name", "name@3" or "name@production". The name is one DNS label of at most 63
// characters; what has a namespace in front of a dot is the caller's to split.
func ParseRef(s string) (Ref, error) {
	name, selector, selected := strings.Cut(s, "@")
	if !isPromptName(name) {
		return Ref{}, fmt.Errorf("%q is not the name of a prompt: at most %d lower-case letters, digits and '-', starting and ending with a letter or digit", excerpt.Truncate(name, 80), maxPromptName)
	}
	if !selected {
		return Ref{Name: name}, nil
	}
	sel, err := ParseSelector(selector)
	if err != nil {
		return Ref{}, err
	}
	return Ref{Name: name, Selector: sel}, nil
}

// ParseSelector reads what follows the '@': the number of a version, from 1 and without leading
// zeros, or the name of a channel, latest included.
func ParseSelector(s string) (Selector, error) {
	if isChannelName(s) {
		return Selector{Channel: s}, nil
	}
	version, err := strconv.ParseInt(s, 10, 64)
	if isRange := errors.Is(err, strconv.ErrRange); isRange && s[0] != '-' || err == nil && version > MaxVersion {
		return Selector{}, fmt.Errorf("%q is not a version: their numbers go up to %d", excerpt.Truncate(s, 80), int64(MaxVersion))
	}
	if err != nil || version < 1 || strconv.FormatInt(version, 10) != s {
		return Selector{}, fmt.Errorf("%q is neither a version nor a channel: write @3 for version 3, or @production for a channel (a lower-case letter, then letters, digits and '-', at most %d)", excerpt.Truncate(s, 80), maxChannelName)
	}
	return Selector{Version: version}, nil
}

func isPromptName(s string) bool {
	if s == "" || len(s) > maxPromptName || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	return isLabel(s)
}

func isChannelName(s string) bool {
	return s != "" && len(s) <= maxChannelName && s[0] >= 'a' && s[0] <= 'z' && isLabel(s)
}

func isLabel(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
