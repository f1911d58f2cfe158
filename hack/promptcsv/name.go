package promptcsv

import (
	"strconv"
	"strings"
)

const (
	maxLabel = 63
	// nameless stands for a title without a single letter or digit a name can have.
	nameless = "prompt"
)

// namer gives each title a name no other row has.
type namer struct{ taken map[string]bool }

// uniqueName returns the slug of the title, with '-' and the row's number when the slug is empty or taken.
func (n namer) uniqueName(title string, number int) string {
	slug := slugOf(title)
	name := shorten(slug, maxLabel)
	if slug == "" {
		slug = nameless
	}
	for name == "" || n.taken[name] {
		suffix := "-" + strconv.Itoa(number)
		slug = shorten(slug, maxLabel-len(suffix)) + suffix
		name = slug
	}
	n.taken[name] = true
	return name
}

// slugOf returns the title in lower case with '-' for every run of anything but ASCII letters and
// digits, and none at the ends.
func slugOf(title string) string {
	var b strings.Builder
	for i := range len(title) {
		c := title[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			b.WriteByte(c)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return strings.TrimSuffix(b.String(), "-")
}

func shorten(slug string, limit int) string {
	if len(slug) > limit {
		slug = slug[:limit]
	}
	return strings.TrimRight(slug, "-")
}
