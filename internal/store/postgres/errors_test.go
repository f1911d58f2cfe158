package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lectern-dev/lectern/internal/store"
)

func TestTranslateError(t *testing.T) {
	t.Parallel()
	state := func(code string) error {
		return fmt.Errorf("outer: %w", &pgconn.PgError{Code: code, Message: "message"})
	}
	const (
		plain = iota
		unavailable
		refused
		behind
	)
	for name, tc := range map[string]struct {
		err  error
		want int
	}{
		"deadlock after all attempts": {state("40P01"), unavailable},
		"serialization":               {state("40001"), unavailable},
		"shutdown":                    {state("57P01"), unavailable},
		"starting up":                 {state("57P03"), unavailable},
		"too many connections":        {state("53300"), unavailable},
		"password refused":            {state("28P01"), unavailable},
		"a standby":                   {state("25006"), unavailable},
		"U+0000":                      {state("22021"), refused},
		"U+0000 in JSON":              {state("22P05"), refused},
		"too large":                   {state("54000"), refused},
		"no such table":               {state("42P01"), behind},
		"no such column":              {state("42703"), behind},
		"a broken check":              {state("23514"), refused},
		"null where a value must be":  {state("23502"), refused},
		"a key that is there already": {state("23505"), plain},
		"no right":                    {state("42501"), plain},
		"network":                     {&net.OpError{Op: "read", Err: errors.New("reset")}, unavailable},
		"end of stream":               {io.ErrUnexpectedEOF, unavailable},
		"deadline":                    {context.DeadlineExceeded, unavailable},
		"cancelled by the caller":     {context.Canceled, plain},
		"the fence":                   {&store.FencedError{}, plain},
		"moved fragments":             {store.ErrFragmentsMoved, plain},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := plain
			err := translateError(tc.err)
			_, isValue := errors.AsType[*store.UnstorableValueError](err)
			switch {
			case errors.Is(err, store.ErrUnavailable):
				got = unavailable
			case isValue:
				got = refused
			case errors.Is(err, store.ErrSchemaBehind):
				got = behind
			case !errors.Is(err, tc.err):
				t.Errorf("the error is lost: %v", err)
			}
			if got != tc.want {
				t.Errorf("%v became kind %d (%v), want %d", tc.err, got, err, tc.want)
			}
		})
	}
}
