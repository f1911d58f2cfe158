// Package audit keeps what was asked of Lectern and what Lectern asked of ServiceDesk Plus, until it is in the database.
//
// A row is in a segment, a file on the local disk, before Append returns, and is loaded into the database exactly once, by batch.
// The package knows neither MCP nor SQL: who makes rows fills them in, and a Loader carries batches into tables. Its invariant: a row
// that Append accepted is loaded, or counted as lost with the reason.
package audit
