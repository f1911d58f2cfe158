package prompt

import (
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/promptobject"
)

// includeMemory remembers what the objects in the cache include, so that a text is parsed for that once a generation, and
// what follows from it: cycles and depth. It holds at most prompt.MaxFragments short references of an object, and nothing of one
// that is gone. The zero value is empty, and safe for concurrent use.
type includeMemory struct {
	mu         sync.Mutex
	namespaces map[string]*namespaceIncludes
}

type namespaceIncludes struct {
	graph   prompt.IncludeGraph
	objects map[string]rememberedObject // by name
}

// rememberedObject is an object with the generation before: an update speaks of both.
type rememberedObject struct{ now, before parsedObject }

type parsedObject struct {
	uid        types.UID
	generation int64
	refs       []prompt.Ref
	names      []string
	err        error // of parsing: such a text includes nothing
}

func (o parsedObject) is(p *v1alpha1.Prompt) bool {
	return o.uid == p.UID && o.generation == p.Generation
}

// parse returns what an object includes, from memory where it is known. It is not the caller's to change.
func (m *includeMemory) parse(p *v1alpha1.Prompt) parsedObject {
	if known, is := m.lookUp(p); is {
		return known
	}
	includesParsed.Inc()
	parsed := parsedObject{uid: p.UID, generation: p.Generation}
	parsed.refs, parsed.err = prompt.IncludedRefs(promptobject.SpecOf(&p.Spec))
	parsed.names = prompt.NamesOf(parsed.refs)
	return parsed
}

func (m *includeMemory) lookUp(p *v1alpha1.Prompt) (parsedObject, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ns := m.namespaces[p.Namespace]; ns != nil {
		known := ns.objects[p.Name]
		if known.now.is(p) {
			return known.now, true
		}
		if known.before.is(p) {
			return known.before, true
		}
	}
	return parsedObject{}, false
}

// remember returns the names an object includes, and keeps them as what is under its name now, unless it knows a newer
// generation.
func (m *includeMemory) remember(p *v1alpha1.Prompt) []string {
	parsed := m.parse(p)
	m.mu.Lock()
	defer m.mu.Unlock()
	ns := m.namespaces[p.Namespace]
	if ns == nil {
		ns = &namespaceIncludes{objects: map[string]rememberedObject{}}
		if m.namespaces == nil {
			m.namespaces = map[string]*namespaceIncludes{}
		}
		m.namespaces[p.Namespace] = ns
	}
	known := ns.objects[p.Name]
	if known.now.is(p) || known.before.is(p) || known.now.uid == p.UID && known.now.generation > p.Generation {
		return parsed.names
	}
	ns.objects[p.Name] = rememberedObject{now: parsed, before: known.now}
	ns.graph.Set(p.Name, slices.Clone(parsed.names))
	return parsed.names
}

// forget forgets an object that is gone, unless another one has its name.
func (m *includeMemory) forget(p *v1alpha1.Prompt) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ns := m.namespaces[p.Namespace]
	if ns == nil || ns.objects[p.Name].now.uid != p.UID {
		return
	}
	ns.graph.Remove(p.Name)
	delete(ns.objects, p.Name)
	if len(ns.objects) == 0 {
		delete(m.namespaces, p.Namespace)
	}
}

// check refuses an object that includes itself or whose includes are nested too deep. The error is a *prompt.IncludeError.
func (m *includeMemory) check(p *v1alpha1.Prompt, parsed parsedObject) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	graph, known := &prompt.IncludeGraph{}, false
	if ns := m.namespaces[p.Namespace]; ns != nil {
		graph, known = &ns.graph, ns.objects[p.Name].now.is(p)
	}
	before := graph.Visits()
	defer func() { includeVisits.Add(float64(graph.Visits() - before)) }()
	if known {
		return graph.Check(p.Name)
	}
	return graph.CheckEdit(p.Name, slices.Clone(parsed.names)) // the cache is ahead of p, or never heard of it
}

// names returns a function that tells which names a prompt of the namespace includes.
func (m *includeMemory) names(namespace string) func(name string) []string {
	return func(name string) []string {
		m.mu.Lock()
		defer m.mu.Unlock()
		if ns := m.namespaces[namespace]; ns != nil {
			return ns.graph.Includes(name)
		}
		return nil
	}
}

// OnDelete forgets the object of a deletion that the informer of the cache heard of, or missed.
func (m *includeMemory) OnDelete(obj any) {
	if unknown, is := obj.(toolscache.DeletedFinalStateUnknown); is {
		obj = unknown.Obj
	}
	if p, is := obj.(*v1alpha1.Prompt); is {
		m.forget(p)
	}
}
