package servicedesk

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestOwnFields: those who want the fields at once have them fetched once, and nobody waits for longer than they have, nor for who left.
func TestOwnFields(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kept ownFields
		fetched := 0
		fetch := func(ctx context.Context) ([]ownField, error) {
			fetched++
			select {
			case <-time.After(20 * time.Second):
				return []ownField{{key: "udf_sline_101"}}, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		began := time.Now()
		readWithin := func(patience time.Duration) (fields []ownField, took time.Duration, err error) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			fields, err = kept.read(ctx, store.Address{}, time.Hour, fetch)
			return fields, time.Since(began), err
		}
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() { // the first of them has the fields be fetched, and leaves
				if _, took, err := readWithin(time.Second); !errors.Is(err, context.DeadlineExceeded) || took > time.Second {
					t.Errorf("who had a second waited for %s: %v", took, err)
				}
			})
		}
		synctest.Wait()
		all.Go(func() {
			if fields, took, err := readWithin(time.Minute); err != nil || len(fields) != 1 || took > 20*time.Second {
				t.Errorf("who had a minute got %d fields after %s: %v", len(fields), took, err)
			}
		})
		all.Wait()
		if _, _, err := readWithin(time.Second); fetched != 1 {
			t.Errorf("the fields are fetched %d times: %v", fetched, err)
		}
		_, err := kept.read(t.Context(), store.Address{APIURL: "another"}, time.Hour, fetch)
		require.NoError(t, err)
		if fetched != 2 {
			t.Error("the fields of another address are not fetched")
		}
	})
}
