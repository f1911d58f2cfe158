package namespaces

import (
	"fmt"
	"slices"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/lectern-dev/lectern/internal/excerpt"
)

// flagName is the flag that names the namespaces; messages tell it to people.
const flagName = "watch-namespaces"

// Watched are the namespaces an installation works on. The zero value is all of them, those to come included.
type Watched struct{ names []string }

// New returns the namespaces named; without a name, all.
func New(names ...string) Watched { return Watched{names: names} }

// AddFlag registers --watch-namespaces; usage says what it bounds.
func (w *Watched) AddFlag(fs *pflag.FlagSet, usage string) {
	fs.StringSliceVar(&w.names, flagName, nil, usage)
}

// Validate returns what is wrong with the names, in the words of the flag.
func (w Watched) Validate() error { return ValidateNames(flagName, w.names) }

// ValidateNames returns what is wrong with the names that a flag lists.
func ValidateNames(flag string, names []string) error {
	for i, name := range names {
		if len(validation.IsDNS1123Label(name)) > 0 {
			return fmt.Errorf("--%s: %q is not a namespace: at most 63 lower-case letters, digits and '-'", flag, excerpt.Truncate(name, 80))
		}
		if slices.Contains(names[:i], name) {
			return fmt.Errorf("--%s names %s twice", flag, name)
		}
	}
	return nil
}

// IsAll reports whether every namespace is watched.
func (w Watched) IsAll() bool { return len(w.names) == 0 }

// Contains reports whether a namespace is watched.
func (w Watched) Contains(namespace string) bool {
	return w.IsAll() || slices.Contains(w.names, namespace)
}

// Names returns the namespaces in the order they were named, and none where all are watched. Nobody changes the slice.
func (w Watched) Names() []string { return w.names }

// String returns the namespaces for people.
func (w Watched) String() string {
	if w.IsAll() {
		return "all namespaces"
	}
	return excerpt.List(w.names, ", ")
}

// ExplainForeign tells who asked for a change in a namespace that is not watched what decides that, and what to do.
func (w Watched) ExplainForeign(namespace string) string {
	return fmt.Sprintf("this installation changes no prompts in namespace %s, only in %s (--%s=%s, watch.namespaces of its chart); "+
		"name one of these, or ask its operator to add %s", namespace, w, flagName, excerpt.List(w.names, ","), namespace)
}
