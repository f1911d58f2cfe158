package tool

import "sync"

// maxKeptBuffer is up to which size the buffer of a text is used again.
const maxKeptBuffer = 128 << 10

var textBuffers = sync.Pool{New: func() any { return new([]byte) }}

// takeBuffer returns an empty buffer to write a text into, which is copied at its end: to its size, and not to whatever it
// grew to.
func takeBuffer() *[]byte { return textBuffers.Get().(*[]byte) }

// giveBack has a buffer used again, as it is after writing. Nothing may refer to it any more.
func giveBack(b *[]byte, written []byte) {
	if cap(written) > maxKeptBuffer {
		return
	}
	*b = written[:0]
	textBuffers.Put(b)
}
