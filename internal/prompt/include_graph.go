package prompt

import "slices"

// CheckIncludes refuses a prompt that includes itself, and one whose includes are nested deeper than MaxDepth, on the
// graph of names, before anything is read from a store: a pin counts as its name. includes gives the names that
// another prompt of the namespace includes as it is now, published or not; it is asked at most once for each.
//
// The error is an *IncludeError.
func CheckIncludes(name string, spec Spec, includes func(name string) []string) error {
	own := IncludedNames(spec)
	if len(own) == 0 {
		return nil
	}
	known := map[string][]string{name: own}
	edges := func(of string) []string {
		names, ok := known[of]
		if !ok {
			names = includes(of)
			known[of] = names
		}
		return names
	}
	if cycle := findCycle(name, edges); cycle != nil {
		return &IncludeError{Fault: IncludeCycle, Path: cycle}
	}
	if depth := IncludeDepth(name, edges); depth > MaxDepth {
		return &IncludeError{Fault: IncludeTooDeep, Depth: depth}
	}
	return nil
}

// IncludedNames returns the names a spec includes, each once. One that does not parse includes nothing: it cannot be
// published either.
func IncludedNames(spec Spec) []string {
	refs, err := IncludedRefs(spec)
	if err != nil {
		return nil
	}
	var names []string
	for _, ref := range refs {
		if !slices.Contains(names, ref.Name) {
			names = append(names, ref.Name)
		}
	}
	return names
}

// findCycle finds a shortest cycle that name is a member of, as [a b c a], or nil when there is none. It
// starts at its smallest name, so that its members print the same one.
//
// includes gives the names a prompt includes, whatever their selectors; it is asked once for each
// prompt that can be reached.
func findCycle(name string, includes func(string) []string) []string {
	from := map[string]string{}
	queue := []string{name}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		next := slices.Clone(includes(at))
		slices.Sort(next)
		for _, to := range next {
			if to == name {
				return startAtSmallest(pathBetween(from, name, at))
			}
			if _, seen := from[to]; !seen {
				from[to] = at
				queue = append(queue, to)
			}
		}
	}
	return nil
}

// pathBetween walks back from last to first.
func pathBetween(from map[string]string, first, last string) []string {
	names := []string{last}
	for names[len(names)-1] != first {
		names = append(names, from[names[len(names)-1]])
	}
	slices.Reverse(names)
	return names
}

func startAtSmallest(cycle []string) []string {
	start := slices.Index(cycle, slices.Min(cycle))
	rotated := slices.Concat(cycle[start:], cycle[:start])
	return append(rotated, rotated[0])
}

// IncludeDepth tells how many includes lie on the longest way down from name: 0 for a prompt without any.
// What the members of a cycle include is not followed, because such a prompt is taken as it was
// last published. A member of a cycle itself has no end; its depth is MaxDepth+1.
//
// It is linear in what can be reached, and asks includes once for each prompt.
func IncludeDepth(name string, includes func(string) []string) int {
	w := componentWalk{includes: includes, seen: map[string]*componentNode{}}
	m := w.visit(name)
	if m.cyclic {
		return MaxDepth + 1
	}
	return m.depth
}

// componentWalk finds strongly connected components (Tarjan). A component is complete after everything it
// reaches, which is when its depth can be told.
type componentWalk struct {
	includes func(string) []string
	seen     map[string]*componentNode
	open     []*componentNode
}

type componentNode struct {
	order, low int
	open       bool
	cyclic     bool
	depth      int
}

func (w *componentWalk) visit(name string) *componentNode {
	m := &componentNode{order: len(w.seen), low: len(w.seen), open: true}
	w.seen[name] = m
	w.open = append(w.open, m)
	for _, to := range w.includes(name) {
		next := w.seen[to]
		if next == nil {
			next = w.visit(to)
		}
		if next.open {
			m.low = min(m.low, next.low)
			m.cyclic = m.cyclic || next == m
		} else {
			m.depth = max(m.depth, next.depth+1)
		}
	}
	if m.low == m.order {
		w.closeComponent(m)
	}
	return m
}

// closeComponent closes the component whose first member is m.
func (w *componentWalk) closeComponent(m *componentNode) {
	start := len(w.open) - 1
	for w.open[start] != m {
		start--
	}
	members := w.open[start:]
	w.open = w.open[:start]
	for _, member := range members {
		member.open = false
		if len(members) > 1 || member.cyclic {
			member.cyclic, member.depth = true, 0
		}
	}
}
