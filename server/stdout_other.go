//go:build !unix

package server

import "os"

// takeStdout gives the standard output to one caller. Whatever else this process writes there goes to standard error
// from now on.
func takeStdout() (*os.File, error) {
	out := os.Stdout
	os.Stdout = os.Stderr
	return out, nil
}
