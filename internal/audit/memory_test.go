package audit_test

import (
	"testing"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/store/storetest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func TestMemory_Scopes(t *testing.T) {
	t.Parallel()
	m := audit.NewMemory()
	storetest.RunAuditScopes(t, storetest.AuditFixture{
		Append: func(t *testing.T, row *audit.ToolUsage) { t.Helper(); require.NoError(t, m.Append(row)) },
		Find:   m.FindToolUsage,
	})
}

func TestMemory_Targets(t *testing.T) {
	t.Parallel()
	m := audit.NewMemory()
	storetest.RunAuditTargets(t, storetest.AuditFixture{
		Append: func(t *testing.T, row *audit.ToolUsage) { t.Helper(); require.NoError(t, m.Append(row)) },
		Find:   m.FindToolUsage,
	})
}
