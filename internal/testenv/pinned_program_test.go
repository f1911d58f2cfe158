package testenv

import (
	"strings"
	"testing"
)

func TestPinnedProgram_Unknown(t *testing.T) {
	_, err := PinnedProgram(t.Context(), "no-such-program")
	if err == nil || !strings.Contains(err.Error(), "no-such-program is not in the table") {
		t.Errorf("got %v", err)
	}
}
