package transport

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/lectern-dev/lectern/internal/excerpt"
)

// Narrowing is which tools a client wants of those that are its caller's; never others. The zero value leaves all of them.
type Narrowing struct {
	// Toolsets are the groups of tools that are wanted; empty for all.
	Toolsets []string
	// ReadOnly leaves out the tools that write.
	ReadOnly bool
}

// The parameters of the URL of the endpoint.
const (
	toolsetsParameter = "toolsets"
	readOnlyParameter = "readonly"
)

// AdmitsToolset reports whether the tools of a group are wanted.
func (n *Narrowing) AdmitsToolset(name string) bool {
	return len(n.Toolsets) == 0 || slices.Contains(n.Toolsets, name)
}

// admits reports whether a tool is wanted: by one of its groups.
func (n *Narrowing) admits(t *Tool) bool {
	if hint := t.Definition.Annotations.ReadOnlyHint; n.ReadOnly && (hint == nil || !*hint) {
		return false
	}
	return len(n.Toolsets) == 0 || slices.ContainsFunc(t.Toolsets, n.AdmitsToolset)
}

// Validate returns what is wrong with the names of toolsets, of which these are known.
func (n *Narrowing) Validate(known []string) error {
	for _, name := range n.Toolsets {
		if !slices.Contains(known, name) {
			return fmt.Errorf("%q is no toolset; there are %s", excerpt.Truncate(name, 80), strings.Join(known, ", "))
		}
	}
	return nil
}

// readNarrowing reads the query of a URL. Other parameters are nobody's business here, but for a slip in one of these two: who wants
// fewer tools and gets all of them would not notice.
func readNarrowing(query string, known []string) (n Narrowing, f *Failure) {
	if query == "" {
		return n, nil
	}
	parameters, err := url.ParseQuery(query)
	if err != nil {
		return n, InvalidParams("the query of the URL cannot be read: write ?toolsets=a,b and ?readonly, joined by &")
	}
	for name, values := range parameters {
		switch name {
		case toolsetsParameter:
			for _, list := range values {
				n.Toolsets = append(n.Toolsets, strings.Split(list, ",")...)
			}
		case readOnlyParameter:
			if n.ReadOnly, f = readSwitch(values); f != nil {
				return n, f
			}
		default:
			if meant := meantParameter(name); meant != "" {
				return n, InvalidParams(fmt.Sprintf("the parameter %q of the URL is written %s", excerpt.Truncate(name, 80), meant))
			}
		}
	}
	if err := n.Validate(known); err != nil {
		return n, InvalidParams("?toolsets= of the URL: " + err.Error())
	}
	return n, nil
}

// readSwitch reads a parameter that is on when it is there, unless one of its values says otherwise.
func readSwitch(values []string) (on bool, f *Failure) {
	for _, value := range values {
		switch value {
		case "", "true", "1":
			on = true
		case "false", "0":
		default:
			return false, InvalidParams(fmt.Sprintf("?readonly=%s of the URL is neither true nor false", excerpt.Truncate(value, 80)))
		}
	}
	return on, nil
}

// meantParameter returns the parameter that a name is a slip of; empty for none.
func meantParameter(name string) string {
	switch strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(name)) {
	case "toolset", "toolsets":
		return toolsetsParameter
	case "readonly":
		return readOnlyParameter
	}
	return ""
}
