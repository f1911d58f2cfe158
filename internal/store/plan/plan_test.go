package plan

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

func TestIsFenced(t *testing.T) {
	t.Parallel()
	at := func(uid string, generation, revision int64) store.Fence {
		return store.Fence{Owner: store.Owner{UID: uid, Generation: generation}, Revision: revision}
	}
	live := func(f store.Fence) State { return State{Fence: f} }
	dead := func(f store.Fence) State { return State{Fence: f, Deleted: true} }
	seen := func(f store.Fence) *store.Fence { return &f }
	for name, tc := range map[string]struct {
		row      State
		owner    store.Owner
		takeover *store.Fence
		want     bool
	}{
		"no row before": {row: live(at("a", 1, 0)), owner: store.Owner{UID: "a", Generation: 1}, want: false},
		"no row before, and a takeover of what was": {row: live(at("a", 1, 0)), owner: store.Owner{UID: "a", Generation: 1}, takeover: seen(at("b", 4, 9)), want: false},
		"same generation":                {row: live(at("a", 3, 7)), owner: store.Owner{UID: "a", Generation: 3}, want: false},
		"higher generation":              {row: live(at("a", 3, 7)), owner: store.Owner{UID: "a", Generation: 4}, want: false},
		"lower generation":               {row: live(at("a", 3, 7)), owner: store.Owner{UID: "a", Generation: 2}, want: true},
		"another uid":                    {row: live(at("a", 3, 7)), owner: store.Owner{UID: "b", Generation: 9}, want: true},
		"own tombstone":                  {row: dead(at("a", 3, 7)), owner: store.Owner{UID: "a", Generation: 3}, want: true},
		"another's tombstone":            {row: dead(at("a", 3, 7)), owner: store.Owner{UID: "b", Generation: 1}, want: true},
		"takeover of a live row":         {row: live(at("a", 3, 7)), owner: store.Owner{UID: "b", Generation: 1}, takeover: seen(at("a", 3, 7)), want: false},
		"takeover of a tombstone":        {row: dead(at("a", 3, 7)), owner: store.Owner{UID: "a", Generation: 3}, takeover: seen(at("a", 3, 7)), want: false},
		"takeover by a lower generation": {row: live(at("a", 3, 7)), owner: store.Owner{UID: "a", Generation: 1}, takeover: seen(at("a", 3, 7)), want: false},
		"takeover of another revision":   {row: live(at("a", 3, 8)), owner: store.Owner{UID: "b", Generation: 1}, takeover: seen(at("a", 3, 7)), want: true},
		"takeover of another generation": {row: live(at("a", 4, 7)), owner: store.Owner{UID: "b", Generation: 1}, takeover: seen(at("a", 3, 7)), want: true},
		"takeover of another uid":        {row: live(at("c", 3, 7)), owner: store.Owner{UID: "b", Generation: 1}, takeover: seen(at("a", 3, 7)), want: true},
		"takeover already done":          {row: live(at("b", 1, 8)), owner: store.Owner{UID: "b", Generation: 1}, takeover: seen(at("a", 3, 7)), want: false},
		"takeover done and buried since": {row: dead(at("b", 1, 9)), owner: store.Owner{UID: "b", Generation: 1}, takeover: seen(at("a", 3, 7)), want: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := IsFenced(tc.row, tc.owner, tc.takeover); got != tc.want {
				t.Errorf("fenced is %t, want %t", got, tc.want)
			}
		})
	}
}

func TestNextVersion(t *testing.T) {
	t.Parallel()
	const old, text, other = "sha256:old", "sha256:text", "sha256:other"
	type answer struct {
		Newest int64
		New    bool
	}
	tooLarge := "version %d is the newest, and numbers of versions go up to 9007199254740991; create the prompt under another name"
	stored := func(highest int64, digest prompt.Digest) Row {
		return Row{Highest: highest, Digest: digest, Served: []int64{highest}}
	}
	for name, tc := range map[string]struct {
		row  Row
		seen store.LastObserved
		want answer
		err  string
	}{
		"the last number there is":                {row: stored(prompt.MaxVersion-1, old), want: answer{prompt.MaxVersion, true}},
		"equal to the last":                       {row: stored(prompt.MaxVersion, text), want: answer{prompt.MaxVersion, false}},
		"lost, the last again":                    {row: stored(4, old), seen: store.LastObserved{Version: prompt.MaxVersion, Digest: text}, want: answer{prompt.MaxVersion, true}},
		"one after the last":                      {row: stored(prompt.MaxVersion, old), err: fmt.Sprintf(tooLarge, int64(prompt.MaxVersion))},
		"a status of the last":                    {row: stored(4, old), seen: store.LastObserved{Version: prompt.MaxVersion}, err: fmt.Sprintf(tooLarge, int64(prompt.MaxVersion))},
		"a status beyond":                         {seen: store.LastObserved{Version: math.MaxInt64, Digest: text}, err: fmt.Sprintf(tooLarge, int64(math.MaxInt64))},
		"a status of all bits":                    {row: stored(4, old), seen: store.LastObserved{Version: math.MaxInt64}, err: fmt.Sprintf(tooLarge, int64(math.MaxInt64))},
		"first":                                   {want: answer{1, true}},
		"equal to the newest":                     {row: stored(4, text), want: answer{4, false}},
		"other than the newest":                   {row: stored(4, old), want: answer{5, true}},
		"status behind the row":                   {row: stored(4, old), seen: store.LastObserved{Version: 3, Digest: text}, want: answer{5, true}},
		"status at the row":                       {row: stored(4, text), seen: store.LastObserved{Version: 4, Digest: text}, want: answer{4, false}},
		"lost, same text":                         {row: stored(4, old), seen: store.LastObserved{Version: 6, Digest: text}, want: answer{6, true}},
		"lost, same text as before and after":     {row: stored(4, text), seen: store.LastObserved{Version: 6, Digest: text}, want: answer{6, true}},
		"lost, the row's text again":              {row: stored(4, text), seen: store.LastObserved{Version: 6, Digest: other}, want: answer{7, true}},
		"all lost":                                {seen: store.LastObserved{Version: 6, Digest: text}, want: answer{6, true}},
		"purged, same text":                       {row: Row{Highest: 4}, seen: store.LastObserved{Version: 4, Digest: text}, want: answer{4, true}},
		"purged, another text":                    {row: Row{Highest: 4}, seen: store.LastObserved{Version: 4, Digest: other}, want: answer{5, true}},
		"purged, nothing remembered":              {row: Row{Highest: 4}, want: answer{5, true}},
		"a version remembered without its digest": {row: stored(4, text), seen: store.LastObserved{Version: 6}, want: answer{7, true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newest, isNew, err := NextVersion(&tc.row, &store.Publication{Compiled: &prompt.Compiled{Digest: text}, LastObserved: tc.seen})
			if _, isLimit := errors.AsType[*prompt.LimitError](err); err != nil && (!isLimit || err.Error() != tc.err) || err == nil && tc.err != "" {
				t.Errorf("the error is %v, want %q", err, tc.err)
			}
			if diff := cmp.Diff(tc.want, answer{newest, isNew}); diff != "" {
				t.Errorf("number (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMovesBetween(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		current, placed map[string]int64
		want            []ChannelMove
	}{
		"nothing":            {map[string]int64{"latest": 2}, map[string]int64{"latest": 2}, nil},
		"first":              {nil, map[string]int64{"latest": 1, "beta": 1}, []ChannelMove{{Name: "beta", To: 1}, {Name: "latest", To: 1}}},
		"stated, unresolved": {map[string]int64{}, map[string]int64{"beta": 0}, []ChannelMove{{Name: "beta"}}},
		"still unresolved":   {map[string]int64{"beta": 0}, map[string]int64{"beta": 0}, nil},
		"gone":               {map[string]int64{"beta": 3}, nil, []ChannelMove{{Name: "beta", From: 3, Removed: true}}},
		"moved back":         {map[string]int64{"beta": 3}, map[string]int64{"beta": 1}, []ChannelMove{{Name: "beta", From: 3, To: 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, movesBetween(tc.current, tc.placed)); diff != "" {
				t.Errorf("moves (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNotServedError(t *testing.T) {
	t.Parallel()
	channel := prompt.Selector{Channel: "beta"}
	for name, tc := range map[string]struct {
		exposure store.Exposure
		selector prompt.Selector
		stated   bool
		want     error
	}{
		"production never resolved":      {exposure: store.Listed, want: store.ErrUnresolved},
		"a stated channel":               {exposure: store.Unlisted, selector: channel, stated: true, want: store.ErrUnresolved},
		"a channel nobody stated":        {exposure: store.Listed, selector: channel, want: store.ErrNotFound},
		"a version":                      {exposure: store.Listed, selector: prompt.Selector{Version: 3}, want: store.ErrNotFound},
		"a fragment":                     {exposure: store.Fragment, want: store.ErrNotFound},
		"a stated channel of a fragment": {exposure: store.Fragment, selector: channel, stated: true, want: store.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := NotServedError(tc.exposure, tc.selector, tc.stated); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}
