package prompt

import (
	"slices"
)

// IncludeGraph knows which prompts of a namespace include which, by the names in their texts as they are now, published or
// not: a pin counts as its name. What it found out about a prompt it remembers until the includes of one change, so that many
// prompts that are checked one after the other cost one walk. The zero value is empty. It is not safe for concurrent use.
type IncludeGraph struct {
	includes map[string][]string
	verdicts map[string]includeVerdict
	visits   int
}

// includeVerdict is what is known of a prompt. The depth of one that is cyclic is 0: what a member of a cycle includes is not
// followed, because such a prompt is taken as it was last published.
type includeVerdict struct {
	cyclic bool
	depth  int
	// cycle is found when it is asked for.
	cycle []string
}

// Set says what a prompt includes. The names are kept in order, each once, and are not the caller's any more.
func (g *IncludeGraph) Set(name string, includes []string) {
	slices.Sort(includes)
	includes = slices.Compact(includes)
	g.forgetVerdicts(name, includes)
	if g.includes == nil {
		g.includes = map[string][]string{}
	}
	g.includes[name] = includes
}

// Remove says that a prompt is not there any more.
func (g *IncludeGraph) Remove(name string) {
	g.forgetVerdicts(name, nil)
	delete(g.includes, name)
}

// forgetVerdicts forgets what is known if other includes of a prompt may change it: whatever depends on the prompt was found
// by a walk over it.
func (g *IncludeGraph) forgetVerdicts(name string, includes []string) {
	if _, walked := g.verdicts[name]; walked && !slices.Equal(g.includes[name], includes) {
		g.verdicts = nil
	}
}

// Includes returns the names a prompt includes, in order.
func (g *IncludeGraph) Includes(name string) []string { return g.includes[name] }

// Visits returns how many prompts were walked over so far.
func (g *IncludeGraph) Visits() int { return g.visits }

// Check refuses a prompt that includes itself, and one whose includes are nested deeper than MaxDepth, before anything is
// read from a store. The error is an *IncludeError.
func (g *IncludeGraph) Check(name string) error {
	v := g.verdictOf(name)
	if v.cyclic {
		if v.cycle == nil {
			v.cycle = g.findCycle(name)
			g.verdicts[name] = v
		}
		return &IncludeError{Fault: IncludeCycle, Path: slices.Clone(v.cycle)}
	}
	if v.depth > MaxDepth {
		return &IncludeError{Fault: IncludeTooDeep, Depth: v.depth}
	}
	return nil
}

// CheckEdit is Check for a prompt as it would be with other includes; the graph stays as it is.
func (g *IncludeGraph) CheckEdit(name string, includes []string) error {
	before, known := g.includes[name]
	defer func() {
		if known {
			g.Set(name, before)
		} else {
			g.Remove(name)
		}
	}()
	g.Set(name, includes)
	return g.Check(name)
}

// Depth tells how many includes lie on the longest way down from name: 0 for a prompt without any. A member of a cycle has no
// end; its depth is MaxDepth+1.
func (g *IncludeGraph) Depth(name string) int {
	v := g.verdictOf(name)
	if v.cyclic {
		return MaxDepth + 1
	}
	return v.depth
}

// verdictOf walks over what can be reached from name and is not known yet, each prompt once.
func (g *IncludeGraph) verdictOf(name string) includeVerdict {
	if v, known := g.verdicts[name]; known {
		return v
	}
	if g.verdicts == nil {
		g.verdicts = map[string]includeVerdict{}
	}
	w := componentWalk{graph: g, seen: map[string]*componentNode{}}
	w.visit(name)
	return g.verdicts[name]
}

// IncludedNames returns the names a spec includes, in order, each once. One that does not parse includes nothing: it cannot
// be published either.
func IncludedNames(spec Spec) []string {
	refs, err := IncludedRefs(spec)
	if err != nil {
		return nil
	}
	return NamesOf(refs)
}

// NamesOf returns the names in references, in order, each once.
func NamesOf(refs []Ref) []string {
	var names []string
	for _, ref := range refs {
		names = append(names, ref.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// findCycle finds a shortest cycle that name is a member of, as [a b c a], or nil when there is none. It
// starts at its smallest name, so that its members print the same one.
func (g *IncludeGraph) findCycle(name string) []string {
	from := map[string]string{}
	queue := []string{name}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, to := range g.includes[at] {
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

// componentWalk finds strongly connected components (Tarjan). A component is complete after everything it
// reaches, which is when its depth can be told.
type componentWalk struct {
	graph *IncludeGraph
	seen  map[string]*componentNode
	open  []*componentNode
}

type componentNode struct {
	name       string
	order, low int
	open       bool
	cyclic     bool
	depth      int
}

func (w *componentWalk) visit(name string) *componentNode {
	w.graph.visits++
	m := &componentNode{name: name, order: len(w.seen), low: len(w.seen), open: true}
	w.seen[name] = m
	w.open = append(w.open, m)
	for _, to := range w.graph.includes[name] {
		next := w.seen[to]
		if next == nil {
			if v, known := w.graph.verdicts[to]; known {
				m.depth = max(m.depth, v.depth+1)
				continue
			}
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
		w.graph.verdicts[member.name] = includeVerdict{cyclic: member.cyclic, depth: member.depth}
	}
}
