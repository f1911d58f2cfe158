//go:build !race

package local

// raceDetector builds Lectern with the race detector when the calling test has it too.
const raceDetector = false
