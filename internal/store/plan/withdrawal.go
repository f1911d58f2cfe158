package plan

import (
	"slices"

	"github.com/lectern-dev/lectern/internal/store"
)

// DecideWithdrawal withdraws all of the versions or, when one of them is needed, none. Needed is a version that the
// newest version of a live prompt includes by number (pins name such a prompt for it), and the newest version, because the
// spec compiles to it.
func DecideWithdrawal(versions []int64, newest int64, pins map[int64]string) (withdraw []int64, inUse []store.VersionInUse) {
	for _, version := range versions {
		if by, pinned := pins[version]; pinned {
			inUse = append(inUse, store.VersionInUse{Version: version, By: by})
		} else if version == newest {
			inUse = append(inUse, store.VersionInUse{Version: version})
		}
	}
	if len(inUse) > 0 {
		return nil, inUse
	}
	return versions, nil
}

// ExcludePinned returns those of the versions that no live prompt includes by number.
func ExcludePinned(versions []int64, pins map[int64]string) []int64 {
	return slices.DeleteFunc(versions, func(v int64) bool { _, pinned := pins[v]; return pinned })
}
