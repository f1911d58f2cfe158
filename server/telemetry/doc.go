// Package telemetry makes metrics, spans and a debug log of what a server does: of its requests and of its catalog.
//
// It changes nothing it sees, and knows neither prompts nor HTTP. Its invariant: no caller can make a label, so that the
// number of time series is bounded by what this program serves.
package telemetry
