package localdesk

import (
	"testing"

	"github.com/lectern-dev/lectern/internal/testenv/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }
