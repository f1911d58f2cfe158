//go:build !race

package testenv

// RaceDetector says that the calling test has the race detector; Lectern is built with it then, too.
const RaceDetector = false
