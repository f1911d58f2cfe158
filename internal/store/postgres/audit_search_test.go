package postgres_test

import (
	"testing"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/store/storetest"
)

func TestFindToolUsage_Scopes(t *testing.T) {
	t.Parallel()
	f := newAuditFixture(t)
	storetest.RunAuditScopes(t, storetest.AuditFixture{
		Append: func(_ *testing.T, row *audit.ToolUsage) { f.load(row) },
		Find:   f.store.FindToolUsage,
	})
}

func TestFindToolUsage_Targets(t *testing.T) {
	t.Parallel()
	f := newAuditFixture(t)
	storetest.RunAuditTargets(t, storetest.AuditFixture{
		Append: func(_ *testing.T, row *audit.ToolUsage) { f.load(row) },
		Find:   f.store.FindToolUsage,
	})
}
