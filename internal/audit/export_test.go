package audit

import (
	"bytes"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
)

// WaitNoLongerForKeys has segments that wait for their key be as old as that they do not.
func (s *Spool) WaitNoLongerForKeys() {
	for _, waiting := range s.waiting {
		waiting.notBefore, waiting.found = time.Time{}, time.Unix(0, 0)
	}
}

// RemoveOld runs what Run runs each minute.
func (s *Spool) RemoveOld() { s.removeOld() }

// ReadSegment reads a segment, and returns what its rows are about, how many are damaged, and whether its end is cut.
func ReadSegment(name string, data []byte, keys Keys) (targets []string, damaged int, cut bool) {
	content := readSegment(uuid.MustParse(strings.TrimSuffix(filepath.Base(name), segmentSuffix)), data, keys)
	rows := &content.rows[ToolUsageTable]
	for _, start := range rows.Starts {
		tuple := rows.Bytes[start:]
		at := bytes.Index(tuple, []byte("request/"))
		targets = append(targets, string(tuple[at:at+len("request/00")]))
	}
	return targets, content.damaged + content.unknownKey, content.cut
}

// SyncFolderBy has the folder synced by a function of the test's.
func (s *Spool) SyncFolderBy(sync func(path string) error) { s.syncFolder = sync }
