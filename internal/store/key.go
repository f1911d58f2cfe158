package store

import "cmp"

// Key is the id of a prompt: the namespace and name of its object.
type Key struct {
	Namespace string
	Name      string
}

// String returns namespace/name, or only the name outside any namespace.
func (k Key) String() string {
	if k.Namespace == "" {
		return k.Name
	}
	return k.Namespace + "/" + k.Name
}

// Compare orders keys as lists do: by namespace, then by name.
func (k Key) Compare(other Key) int {
	return cmp.Or(cmp.Compare(k.Namespace, other.Namespace), cmp.Compare(k.Name, other.Name))
}

// Owner is the object a row stands for: its UID, and the generation of its spec.
type Owner struct {
	UID        string
	Generation int64
}

// Fence is what a writer saw in a row: a takeover succeeds only while the row still says this.
type Fence struct {
	Owner
	Revision int64
}
