package catalog

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/store"
)

func changeOfNames(namespace string, names ...string) Change {
	keys := make(map[store.Key]struct{}, len(names))
	for _, name := range names {
		keys[store.Key{Namespace: namespace, Name: name}] = struct{}{}
	}
	return changeOf(keys)
}

func manyNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("p%05d", i)
	}
	return names
}

// TestChange_NamesFewKeys: above the bound it tells by namespace, and never too little.
func TestChange_NamesFewKeys(t *testing.T) {
	t.Parallel()
	a, b := store.Key{Namespace: "it", Name: "a"}, store.Key{Namespace: "support", Name: "b"}
	other, elsewhere := store.Key{Namespace: "it", Name: "other"}, store.Key{Namespace: "hr", Name: "a"}
	for name, tc := range map[string]struct {
		move Change
		want []store.Key
		keys int
	}{
		"none":                  {Change{}, nil, 0},
		"one":                   {changeOfNames("it", "a"), []store.Key{a}, 1},
		"two namespaces":        {changeOfNames("support", "b").Merge(changeOfNames("it", "a")), []store.Key{a, b}, 2},
		"twice the same":        {changeOfNames("it", "a").Merge(changeOfNames("it", "a")), []store.Key{a}, 1},
		"with nothing":          {Change{}.Merge(changeOfNames("it", "a")).Merge(Change{}), []store.Key{a}, 1},
		"just few enough":       {changeOfNames("it", manyNames(maxKeys)...), nil, maxKeys},
		"too many at once":      {changeOfNames("it", manyNames(maxKeys+1)...), []store.Key{a, other}, 0},
		"too many together":     {changeOfNames("it", manyNames(maxKeys)...).Merge(changeOfNames("support", "b")), []store.Key{a, b, other}, 0},
		"too many, then a few":  {changeOfNames("it", manyNames(maxKeys+1)...).Merge(changeOfNames("support", "b")), []store.Key{a, b, other}, 0},
		"a few, then too many":  {changeOfNames("support", "b").Merge(changeOfNames("it", manyNames(maxKeys+1)...)), []store.Key{a, b, other}, 0},
		"another database":      {Change{Everything: true}, []store.Key{a, b, other, elsewhere}, 0},
		"another, then changes": {Change{Everything: true}.Merge(changeOfNames("it", "a")), []store.Key{a, b, other, elsewhere}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []store.Key
			for _, key := range []store.Key{a, b, other, elsewhere} {
				if tc.move.Affects(key) {
					got = append(got, key)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("concerned (-want +got)\n%s", diff)
			}
			if len(tc.move.Keys) != tc.keys {
				t.Errorf("%d keys are named, want %d", len(tc.move.Keys), tc.keys)
			}
		})
	}
}
