package access

import "context"

type unnamedKey struct{}

// WithUnnamedNamespaces returns ctx for questions about namespaces that the caller did not name: they are asked about because
// something is in them. The answers are kept apart from those about namespaces that were named, which would else come sooner
// where there is something.
func WithUnnamedNamespaces(ctx context.Context) context.Context {
	return context.WithValue(ctx, unnamedKey{}, true)
}
