// Package oldclients drives the program as a desktop client of the original tools does: started with a folder of
// prompts, spoken to line by line on stdin and stdout, and ended by closing stdin.
//
// It is tests only, and they know nothing of the program but what such a client sees.
package oldclients
