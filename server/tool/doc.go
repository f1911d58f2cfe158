// Package tool is what every MCP tool stands on: arguments read into a struct, schemas made from the structs of
// arguments and results, errors in a caller's words, lists cut to what a model can take, and cursors.
//
// It knows neither prompts nor tickets, no store and no HTTP. Its invariant: what a tool takes and gives is
// stated once, by the types of its function; the schema a client sees, the arguments that are read and the
// result that is written cannot differ.
package tool
