package changes

import (
	"testing"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/store"
)

func TestIsRolledBack(t *testing.T) {
	older := func(p *v1alpha1.Prompt) { p.Generation = 3 }
	for name, tc := range map[string]struct {
		request store.OpenChange
		object  *v1alpha1.Prompt
		want    bool
	}{
		"written, and restored without it":   {requestFor(store.ActionUpdate, begun), object(older), true},
		"written, and a generation yet old":  {requestFor(store.ActionUpdate, begun), object(older, marked), false},
		"written":                            {requestFor(store.ActionUpdate, begun), object(unseen), false},
		"deleted, and there again":           {requestFor(store.ActionDelete, begun), object(), true},
		"deleted, and held by its finalizer": {requestFor(store.ActionDelete, begun), object(deleted), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := isRolledBack(tc.request, tc.object); got != tc.want {
				t.Errorf("is rolled back: %t, want %t", got, tc.want)
			}
		})
	}
}
