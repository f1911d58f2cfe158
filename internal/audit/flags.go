package audit

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/pflag"
)

// The values of --audit, of --audit-required and of --audit-log.
const (
	InPostgres = "postgres"
	InMemory   = "memory"
	Off        = "off"

	requiredForWrites  = "writes"
	requiredForNothing = "nothing"

	logJSON = "json"
)

// Flags say where rows of the audit go.
type Flags struct {
	// Store is InPostgres, InMemory or Off.
	Store string
	// Spool is the folder of segments, which has SpoolBytes at most.
	Spool      string
	SpoolBytes int64
	// Required says which calls are refused that have no room: it is a server's.
	Required string
	// Log is logJSON, or empty.
	Log string
}

// AddFlags registers the flags that servers and the controller have.
func (f *Flags) AddFlags(fs *pflag.FlagSet) {
	fs.StringVar(&f.Spool, "audit-spool", "", "folder for rows of the audit that the database has not taken yet; it has to survive this process, and the pod is best; "+
		"when empty one for this database in the user's state folder")
	fs.Int64Var(&f.SpoolBytes, "audit-spool-bytes", defaultMaxBytes, "maximum size of that folder, in bytes; below what its volume has")
	fs.StringVar(&f.Log, "audit-log", "", "json: also write each row of the audit to stdout, as a line of JSON")
}

// AddRequired registers the flag that only servers have.
func (f *Flags) AddRequired(fs *pflag.FlagSet) {
	fs.StringVar(&f.Required, "audit-required", requiredForWrites, "writes: refuse what writes to ServiceDesk Plus while the audit has no room for it; nothing: count what is lost, and go on")
}

// IsWriteRequired reports whether writes are refused that have no room.
func (f *Flags) IsWriteRequired() bool { return f.Required == requiredForWrites }

// Validate returns what is wrong with the flags. A program on a pipe has no stdout to log to.
func (f *Flags) Validate(usesStdout bool) error {
	switch {
	case !slices.Contains([]string{InPostgres, InMemory, Off}, f.Store):
		return fmt.Errorf("--audit is %q; it can be %s, %s or %s", f.Store, InPostgres, InMemory, Off)
	case f.Log != "" && f.Log != logJSON:
		return fmt.Errorf("--audit-log is %q; it can be %s, or left out", f.Log, logJSON)
	case f.Log != "" && usesStdout:
		return errors.New("--audit-log writes to stdout, which is the client's with --stdio: leave out one of them")
	case f.Required != "" && f.Required != requiredForWrites && f.Required != requiredForNothing:
		return fmt.Errorf("--audit-required is %q; it can be %s or %s", f.Required, requiredForWrites, requiredForNothing)
	case f.Store != InPostgres && f.Spool != "":
		return fmt.Errorf("--audit-spool is for rows on their way to a database, and --audit=%s keeps none there: leave out one of them", f.Store)
	case f.Store == InPostgres && f.SpoolBytes != 0 && f.SpoolBytes < minMaxBytes:
		return fmt.Errorf("--audit-spool-bytes is %d; at least %d are needed", f.SpoolBytes, minMaxBytes)
	}
	return nil
}
