package upkeep

import (
	"errors"
	"testing"
)

func TestRememberNoticesARestore(t *testing.T) {
	u := &Upkeep{}
	for _, version := range []string{"9", "9", "10", "1000"} {
		if err := u.remember(version); err != nil {
			t.Errorf("version %s after %s: %v", version, u.newest, err)
		}
	}
	if err := u.remember("999"); !errors.Is(err, errWentBack) {
		t.Errorf("an older list gives %v, want %v", err, errWentBack)
	}
	if err := u.remember("no number"); err == nil || errors.Is(err, errWentBack) {
		t.Errorf("a list without a version gives %v", err)
	}
}
