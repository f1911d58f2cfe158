// Package architecture holds the tests of the house rules: which package may import which, what packages, files and functions
// may be called, and how long a file or a function may grow. It has no code of its own.
package architecture
