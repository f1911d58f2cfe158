// Package bulk fills a database with any number of prompts at once: compiled as a controller
// compiles them, and written by one COPY and a few statements, as it would never do.
//
// Prompt i of a Set is the same wherever and whenever it is made, so whoever asks for one knows the
// answer without the database.
package bulk
