// Package writetally holds three accounts of the same writes against each other: what clients were told, what ServiceDesk Plus
// carried out, and which intents are stored.
//
// It is pure and knows neither MCP nor SQL nor the fake, so that a table shows what it finds. What it finds is a write that was made
// twice, one that is lost, one of which the wrong thing was told, and one that was sent without an intent or after its deadline.
package writetally
