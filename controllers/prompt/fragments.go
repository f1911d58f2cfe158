package prompt

import (
	"context"
	"sync"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/weightedlru"
)

// maxFragmentBytes bounds the texts of fragments that are remembered. A fragment that more prompts include than this holds
// others is read again, which only costs time.
const maxFragmentBytes = 32 << 20

// fragmentMemory remembers versions of fragments, whose texts never change, and what they include: the prompts that include
// one are reconciled together when it changes, and read and parse it once. Which version an include takes is asked of the
// store each time. The zero value is empty, and safe for concurrent use.
type fragmentMemory struct {
	mu    sync.Mutex
	texts *weightedlru.Cache[fragmentKey, prompt.Fragment]
}

// fragmentKey names a text. Its digest is part of it, because a database that lost versions gives their numbers again.
type fragmentKey struct {
	namespace, name string
	store.FragmentVersion
}

// fragmentReader reads fragments from a store, and from memory what was read before.
type fragmentReader struct {
	store  Store
	memory *fragmentMemory
}

// LoadFragments returns what includes would take now, as the store's LoadFragments does.
func (r fragmentReader) LoadFragments(ctx context.Context, namespace string, refs []prompt.Ref) (map[prompt.Ref]prompt.Fragment, error) {
	versions, err := r.store.FragmentVersions(ctx, namespace, refs)
	if err != nil {
		return nil, err
	}
	found := make(map[prompt.Ref]prompt.Fragment, len(versions))
	unknown := map[prompt.Ref]fragmentKey{}
	for ref, version := range versions {
		key := fragmentKey{namespace: namespace, name: ref.Name, FragmentVersion: version}
		if fragment, known := r.memory.lookUp(key); known {
			found[ref] = fragment
		} else {
			unknown[pinnedRef(key)] = key
		}
	}
	if len(unknown) == 0 {
		return found, nil
	}
	pins := make([]prompt.Ref, 0, len(unknown))
	for pin := range unknown {
		pins = append(pins, pin)
	}
	loaded, err := r.store.LoadFragments(ctx, namespace, pins)
	if err != nil {
		return nil, err
	}
	for pin, fragment := range loaded {
		loaded[pin] = r.memory.add(unknown[pin], fragment)
	}
	for ref, version := range versions {
		pin := pinnedRef(fragmentKey{name: ref.Name, FragmentVersion: version})
		if fragment, is := loaded[pin]; is { // it may have been withdrawn meanwhile
			found[ref] = fragment
		}
	}
	return found, nil
}

// pinnedRef returns the reference that takes just this version.
func pinnedRef(key fragmentKey) prompt.Ref {
	return prompt.Ref{Name: key.name, Selector: prompt.Selector{Version: key.Version}}
}

// lock locks m, made ready for use.
func (m *fragmentMemory) lock() {
	m.mu.Lock()
	if m.texts == nil {
		m.texts = weightedlru.New[fragmentKey, prompt.Fragment](maxFragmentBytes, func(fragmentKey) {})
	}
}

func (m *fragmentMemory) lookUp(key fragmentKey) (prompt.Fragment, bool) {
	m.lock()
	defer m.mu.Unlock()
	return m.texts.LookUp(key)
}

// add remembers a fragment and returns it with its includes.
func (m *fragmentMemory) add(key fragmentKey, fragment prompt.Fragment) prompt.Fragment {
	const each, eachRef = 512, 64 // structs, key and map entry
	fragment = fragment.RememberIncludes()
	bytes := int64(each + eachRef*len(fragment.Remembered.Refs))
	for _, message := range fragment.Messages {
		bytes += int64(len(message.Text))
	}
	fragmentsLoaded.Inc()
	m.lock()
	defer m.mu.Unlock()
	if _, known := m.texts.LookUp(key); !known {
		m.texts.Add(key, fragment, bytes)
	}
	return fragment
}
