package upkeep

import (
	"errors"
	"testing"
)

func TestRememberNoticesARestore(t *testing.T) {
	u := &Runner{}
	for _, version := range []string{"9", "9", "10", "1000"} {
		if err := u.checkNotRestored(version); err != nil {
			t.Errorf("version %s after %s: %v", version, u.newestListVersion, err)
		}
	}
	if err := u.checkNotRestored("999"); !errors.Is(err, errAPIServerRestored) {
		t.Errorf("an older list gives %v, want %v", err, errAPIServerRestored)
	}
	if err := u.checkNotRestored("no number"); err == nil || errors.Is(err, errAPIServerRestored) {
		t.Errorf("a list without a version gives %v", err)
	}
}
