package audit

import (
	"os"
	"syscall"
)

// mappedChunk is how much of a segment is given to memory at once.
const mappedChunk = 256 << 10

// mappedRoom is the room of a segment in memory that the file has, too: what is copied there is the kernel's at once, as by write(2), and
// survives the process, for a fraction of what a system call costs. All of it was allocated by the file system before it is touched.
type mappedRoom struct {
	bytes  []byte
	usable int64
}

// mapRoom maps a new file; nil where that cannot be done.
func mapRoom(file *os.File) *mappedRoom {
	bytes, err := syscall.Mmap(int(file.Fd()), 0, segmentSize+2<<20, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil
	}
	return &mappedRoom{bytes: bytes}
}

// write copies frames to an offset. It does nothing, and reports so, where the file system does not allocate what they need. The first
// header comes last: without it what is behind is no frame.
func (m *mappedRoom) write(file *os.File, at int64, frames []byte) (done bool) {
	end := at + int64(len(frames))
	if m == nil || end > int64(len(m.bytes)) || len(frames) < headerSize {
		return false
	}
	if end > m.usable {
		grown := min((end+mappedChunk-1)/mappedChunk*mappedChunk, int64(len(m.bytes)))
		if syscall.Fallocate(int(file.Fd()), 0, m.usable, grown-m.usable) != nil {
			return false
		}
		m.usable = grown
	}
	copy(m.bytes[at+headerSize:], frames[headerSize:])
	copy(m.bytes[at:], frames[:headerSize])
	return true
}

// release gives back the memory, and of the file what is behind its size.
func (m *mappedRoom) release(file *os.File, size int64) error {
	if m == nil {
		return nil
	}
	if err := syscall.Munmap(m.bytes); err != nil {
		return err
	}
	if m.usable > size {
		return file.Truncate(size)
	}
	return nil
}
