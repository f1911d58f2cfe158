package tool

import "context"

type refusalKey struct{}

// WithRefusal returns ctx for a call of which somebody is told the kind of its error.
func WithRefusal(ctx context.Context, tell func(Kind)) context.Context {
	return context.WithValue(ctx, refusalKey{}, tell)
}

func reportRefusal(ctx context.Context, kind Kind) {
	if tell, is := ctx.Value(refusalKey{}).(func(Kind)); is {
		tell(kind)
	}
}
