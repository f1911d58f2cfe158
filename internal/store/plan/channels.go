package plan

import (
	"maps"
	"slices"

	"github.com/lectern-dev/lectern/internal/store"
)

// Unresolved is the version of a channel that is stated and points to nothing stored.
const Unresolved = 0

// ChannelMove is the step of one channel from the version it points to to the one it shall.
type ChannelMove struct {
	Name     string
	From, To int64
	Removed  bool
}

// placeChannels returns where the rules put the channels, given the versions served in descending order. A channel
// without a rule is removed. A rule for a version not served leaves the channel where it points, or unresolved when that
// is not served either, and is missing.
func placeChannels(current map[string]int64, rules []store.ChannelRule, served []int64) (placed map[string]int64, missing []store.ChannelRule) {
	newest := int64(Unresolved)
	if len(served) > 0 {
		newest = served[0]
	}
	placed = map[string]int64{store.Latest: newest}
	for _, rule := range rules {
		switch {
		case rule.Name == store.Latest: // not a rule's to say
		case rule.Version == 0:
			placed[rule.Name] = newest
		case slices.Contains(served, rule.Version):
			placed[rule.Name] = rule.Version
		default:
			missing = append(missing, rule)
			placed[rule.Name] = Unresolved
			if slices.Contains(served, current[rule.Name]) {
				placed[rule.Name] = current[rule.Name]
			}
		}
	}
	return placed, missing
}

// movesBetween returns the steps from one placement of channels to another, in order of name.
func movesBetween(current, placed map[string]int64) []ChannelMove {
	var moves []ChannelMove
	for _, name := range slices.Sorted(maps.Keys(placed)) {
		from, known := current[name]
		if !known || from != placed[name] {
			moves = append(moves, ChannelMove{Name: name, From: from, To: placed[name]})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(current)) {
		if _, stays := placed[name]; !stays {
			moves = append(moves, ChannelMove{Name: name, From: current[name], Removed: true})
		}
	}
	return moves
}

// defaultVersion returns what callers get who name no version, or Unresolved.
func defaultVersion(placed map[string]int64) int64 {
	if version, stated := placed[store.Production]; stated {
		return version
	}
	return placed[store.Latest]
}

// resolvedChannels returns the channels that point to a version, in order of name.
func resolvedChannels(placed map[string]int64) []store.Channel {
	channels := make([]store.Channel, 0, len(placed))
	for _, name := range slices.Sorted(maps.Keys(placed)) {
		if placed[name] != Unresolved {
			channels = append(channels, store.Channel{Name: name, Version: placed[name]})
		}
	}
	return channels
}
