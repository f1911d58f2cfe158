package tool

import "context"

// Progress tells a client how far a call is. Total is 0 where nobody knows it; the message is for people.
type Progress func(done, total float64, message string)

type progressKey struct{}

// WithProgress returns ctx for a call whose client is told how far it is.
func WithProgress(ctx context.Context, tell Progress) context.Context {
	return context.WithValue(ctx, progressKey{}, tell)
}

// ReportProgress tells the client of the call how far it is, if it can be told.
func ReportProgress(ctx context.Context, done, total float64, message string) {
	if tell, is := ctx.Value(progressKey{}).(Progress); is && tell != nil {
		tell(done, total, message)
	}
}
