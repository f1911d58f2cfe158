package plan

import (
	"slices"

	"github.com/lectern-dev/lectern/internal/store"
)

// DecideWithdrawal is all or nothing: when one of the versions is needed, none is withdrawn. A version
// is needed that the newest version of a live prompt includes by number (pins say of a version by which), and
// the newest one, because the spec compiles to it.
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

// ExcludePinned are those of the versions that no live prompt needs.
func ExcludePinned(versions []int64, pins map[int64]string) []int64 {
	return slices.DeleteFunc(versions, func(v int64) bool { _, pinned := pins[v]; return pinned })
}
