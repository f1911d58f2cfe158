package upkeep

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/store"
)

func row(name string, settled bool) store.ComparedRow {
	return store.ComparedRow{
		Key:    store.Key{Namespace: "a", Name: name},
		Fence:  store.Fence{Owner: store.Owner{UID: "uid-" + name, Generation: 3}, Revision: 7},
		Digest: "sha256:1", Quiescent: settled,
	}
}

func TestCompareRowsWithObjects(t *testing.T) {
	equal := liveObject{owner: store.Owner{UID: "uid-p", Generation: 3}, digest: "sha256:1"}
	changed := func(change func(*liveObject)) liveObject {
		o := equal
		change(&o)
		return o
	}
	key := store.Key{Namespace: "a", Name: "p"}
	for name, tc := range map[string]struct {
		rows    []store.ComparedRow
		objects map[store.Key]liveObject
		sweep   []store.ComparedRow
		drifted []store.Key
		// unsettled is what is looked at again.
		unsettled []store.Key
	}{
		"equal row and object are left alone": {
			rows: []store.ComparedRow{row("p", true)}, objects: map[store.Key]liveObject{key: equal},
		},
		"a row without object goes": {
			rows: []store.ComparedRow{row("p", true)}, sweep: []store.ComparedRow{row("p", true)},
		},
		"a row that changed lately stays": {
			rows: []store.ComparedRow{row("p", false)},
		},
		"an object without row is woken": {
			objects: map[store.Key]liveObject{key: equal}, drifted: []store.Key{key},
		},
		"an object with another digest is woken": {
			rows:    []store.ComparedRow{row("p", true)},
			objects: map[store.Key]liveObject{key: changed(func(o *liveObject) { o.digest = "sha256:2" })},
			drifted: []store.Key{key},
		},
		"an object with another uid is woken, its row is not swept": {
			rows:    []store.ComparedRow{row("p", true)},
			objects: map[store.Key]liveObject{key: changed(func(o *liveObject) { o.owner.UID = "other" })},
			drifted: []store.Key{key},
		},
		"an object of an older generation is woken": {
			rows:    []store.ComparedRow{row("p", true)},
			objects: map[store.Key]liveObject{key: changed(func(o *liveObject) { o.owner.Generation = 2 })},
			drifted: []store.Key{key},
		},
		"an object whose row changed lately is left to its own reconcile": {
			rows:    []store.ComparedRow{row("p", false)},
			objects: map[store.Key]liveObject{key: changed(func(o *liveObject) { o.digest = "sha256:2" })},
		},
		"an object whose row changed lately and whose status tells of another digest is looked at again": {
			rows:      []store.ComparedRow{row("p", false)},
			objects:   map[store.Key]liveObject{key: changed(func(o *liveObject) { o.digest, o.recorded = "sha256:2", true })},
			unsettled: []store.Key{key},
		},
		"an object that is deleted or suspended is left alone": {
			objects: map[store.Key]liveObject{key: changed(func(o *liveObject) { o.unpublished = true })},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := compareRowsWithObjects(tc.rows, tc.objects)
			want := comparison{orphans: tc.sweep, drifted: tc.drifted, unsettled: tc.unsettled, liveRows: len(tc.rows)}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(comparison{})); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFindLost(t *testing.T) {
	key := store.Key{Namespace: "a", Name: "p"}
	told := liveObject{owner: store.Owner{UID: "uid-p", Generation: 3}, digest: "sha256:2", recorded: true}
	for name, tc := range map[string]struct {
		later func(*store.ComparedRow)
		want  []store.Key
	}{
		"a row that still has the text before":           {later: func(*store.ComparedRow) {}, want: []store.Key{key}},
		"a row of the generation before":                 {later: func(r *store.ComparedRow) { r.Fence.Generation = 2 }, want: []store.Key{key}},
		"a row that has it now is none":                  {later: func(r *store.ComparedRow) { r.Digest = "sha256:2" }},
		"a row of a later edit is none":                  {later: func(r *store.ComparedRow) { r.Fence.Generation, r.Digest = 4, "sha256:3" }},
		"a row of an object that was made again is none": {later: func(r *store.ComparedRow) { r.Fence.UID = "other" }},
		"a row that was removed with its object is none": {later: func(r *store.ComparedRow) { r.Key.Name = "q" }},
	} {
		t.Run(name, func(t *testing.T) {
			again := row("p", false)
			tc.later(&again)
			got := findLost([]store.Key{key}, map[store.Key]liveObject{key: told}, []store.ComparedRow{again})
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("lost (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReasonToStop(t *testing.T) {
	for name, tc := range map[string]struct {
		live, sweep, objects, allowed int
		want                          string
	}{
		"nothing to remove":                               {live: 5, sweep: 0, objects: 5},
		"ten of a few may go":                             {live: 12, sweep: 10, objects: 2},
		"eleven of a few may not":                         {live: 12, sweep: 11, objects: 1, want: "SweepLimit"},
		"a fifth of many may go":                          {live: 1000, sweep: 200, objects: 800},
		"more than a fifth of many may not":               {live: 1000, sweep: 201, objects: 799, want: "SweepLimit"},
		"an empty list with one row is a deletion":        {live: 1, sweep: 1, objects: 0},
		"an empty list with more rows removes nothing":    {live: 2, sweep: 2, objects: 0, want: "EmptyList"},
		"what a person allowed may go":                    {live: 1000, sweep: 300, objects: 700, allowed: 300},
		"more than a person allowed may not":              {live: 1000, sweep: 301, objects: 699, allowed: 300, want: "SweepLimit"},
		"all may go when a person allowed it":             {live: 40, sweep: 40, objects: 0, allowed: 40},
		"an empty list stops even where few rows are old": {live: 1000, sweep: 1, objects: 0, want: "EmptyList"},
	} {
		t.Run(name, func(t *testing.T) {
			p := comparison{liveRows: tc.live, orphans: slices.Repeat([]store.ComparedRow{{}}, tc.sweep)}
			reason, message := p.reasonToStop(tc.objects, tc.allowed)
			if reason != tc.want {
				t.Errorf("reason is %q, want %q", reason, tc.want)
			}
			if tc.want != "" && !strings.Contains(message, fmt.Sprint(tc.live)) {
				t.Errorf("message does not say how many prompts are live: %s", message)
			}
		})
	}
}
