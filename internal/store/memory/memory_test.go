package memory_test

import (
	"testing"

	"github.com/lectern-dev/lectern/internal/store/memory"
	"github.com/lectern-dev/lectern/internal/store/storetest"
)

func TestContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) storetest.Subject {
		s := memory.New()
		return storetest.Subject{Writer: s, Reader: s}
	})
}

func TestLibrary(t *testing.T) {
	t.Parallel()
	storetest.RunLibrary(t, func(*testing.T) (storetest.Subject, storetest.Library) {
		s := memory.New()
		return storetest.Subject{Writer: s, Reader: s}, s
	})
}
