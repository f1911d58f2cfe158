package folder

import (
	"io/fs"
	"syscall"
	"time"
)

// changeTimeOf returns when a file, or what is known of it, last changed. Unlike the time of the content nobody can set it.
func changeTimeOf(stat fs.FileInfo) time.Time {
	if s, is := stat.Sys().(*syscall.Stat_t); is {
		return time.Unix(s.Ctimespec.Unix())
	}
	return time.Time{}
}
