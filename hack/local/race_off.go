//go:build !race

package local

// RaceDetector says that the calling test has the race detector; Lectern is built with it then, too.
const RaceDetector = false
