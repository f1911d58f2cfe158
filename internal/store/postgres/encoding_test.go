package postgres_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/store/storetest"
	"github.com/lectern-dev/lectern/internal/testenv/logbuffer"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func TestMigrate_Encoding(t *testing.T) {
	t.Parallel()
	for encoding, refused := range map[string]bool{"UTF8": false, "SQL_ASCII": false, "LATIN1": true, "EUC_JP": true, "WIN1252": true} {
		blank := pgtest.NewBlankEncoded(t, encoding)
		_, err := postgres.Migrate(t.Context(), blank, postgres.MigrateOptions{})
		if refused != (err != nil) || refused && !strings.Contains(err.Error(), "encoding is "+encoding) {
			t.Errorf("%s: %v, want refused: %v", encoding, err, refused)
		}
		if behind := openStore(t, blank).VerifySchema(t.Context()); refused != errors.Is(behind, store.ErrSchemaBehind) {
			t.Errorf("%s: the schema afterwards: %v", encoding, behind)
		}
	}
}

// newLatin1 makes a database in LATIN1 with the schema in it, as an earlier release did.
func newLatin1(t *testing.T) postgres.Options {
	t.Helper()
	latin := pgtest.NewBlankEncoded(t, "LATIN1")
	require.NoError(t, postgres.ApplyMigrations(t.Context(), latin))
	return latin
}

// TestMigrate_EncodingOfOurs warns, and goes on.
func TestMigrate_EncodingOfOurs(t *testing.T) {
	t.Parallel()
	latin := newLatin1(t)
	var logged *logbuffer.Buffer
	latin.Log, logged = newLog()
	_, err := postgres.Migrate(t.Context(), latin, postgres.MigrateOptions{})
	require.NoError(t, err)
	if logged.Count("level=WARN") != 1 || logged.Count("encoding=LATIN1") != 1 {
		t.Errorf("logged: %s", logged.String())
	}
}

// TestPublish_Encoding: in LATIN1 nothing but ASCII is published, also what it could hold, whichever part of a prompt has it.
func TestPublish_Encoding(t *testing.T) {
	t.Parallel()
	w := claimWriter(t, openStore(t, newLatin1(t)), cluster)
	_, err := w.Publish(t.Context(), newPublication(t, handover, "u1", 1, "plain"))
	require.NoError(t, err)
	for name, change := range map[string]func(*store.Publication){
		"text":         func(p *store.Publication) { p.Compiled = newPublication(t, handover, "u1", 2, "naïve").Compiled },
		"line end":     func(p *store.Publication) { p.Compiled = newPublication(t, handover, "u1", 2, "a\u2028b").Compiled },
		"emoji":        func(p *store.Publication) { p.Compiled = newPublication(t, handover, "u1", 2, "🙂").Compiled },
		"label":        func(p *store.Publication) { p.Labels = map[string]string{"a": "ü"} },
		"who wrote it": func(p *store.Publication) { p.Provenance.ChangedBy = "Zoë" },
		"comment": func(p *store.Publication) {
			compiled, err := prompt.Compile(prompt.Spec{Title: "T", Messages: []prompt.Message{{Role: prompt.User, Text: "a{{! ü }}"}}}, nil)
			require.NoError(t, err)
			p.Compiled = compiled
		},
	} {
		p := newPublication(t, handover, "u1", 2, "plain 2")
		change(&p)
		_, err := w.Publish(t.Context(), p)
		if unstorable, is := errors.AsType[*store.UnstorableValueError](err); !is || !strings.Contains(unstorable.Reason, "its encoding is LATIN1") {
			t.Errorf("%s: %v, want that the encoding does not hold it", name, err)
		}
	}
	_, err = w.Publish(t.Context(), newPublication(t, handover, "u1", 2, "plain again"))
	require.NoError(t, err)
}

// TestContract_SQLASCII: where the database knows no characters, bytes stay as they are.
func TestContract_SQLASCII(t *testing.T) {
	t.Parallel()
	open := func(t *testing.T) storetest.Subject {
		owner := pgtest.NewBlankEncoded(t, "SQL_ASCII")
		_, err := postgres.Migrate(t.Context(), owner, postgres.MigrateOptions{ServerRole: pgtest.Server})
		require.NoError(t, err)
		return storetest.Subject{Writer: claimWriter(t, openStore(t, owner), cluster), Reader: openStore(t, pgtest.AsServerRole(t, owner))}
	}
	storetest.Run(t, open)
	t.Run("every kind of character", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		const text = "Grüße \u2028 \u2029 🙂 漢字 \u00a0 \u0301"
		_, err := s.Publish(t.Context(), newPublication(t, handover, "u1", 1, text))
		require.NoError(t, err)
		got, err := s.Get(t.Context(), handover, prompt.Selector{})
		require.NoError(t, err)
		if got.Document.Messages[0].Text != text {
			t.Errorf("read %q, want %q", got.Document.Messages[0].Text, text)
		}
	})
}

// TestMigrate_StrangeSettings: a role whose search_path leads elsewhere makes no second schema there, and is told when it would
// have to migrate.
func TestMigrate_StrangeSettings(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	giveStrangeSettings(t, owner)
	result, err := postgres.Migrate(t.Context(), owner, postgres.MigrateOptions{ServerRole: pgtest.Server, NewEpoch: true})
	require.NoError(t, err)
	if result.From != result.To {
		t.Errorf("migrated from %d to %d where nothing was to do", result.From, result.To)
	}
	require.NoError(t, openStore(t, pgtest.AsServerRole(t, owner)).VerifySchema(t.Context()))
	_, err = pgtest.Connect(t, pgtest.AsSuperuser(t, owner)).Exec(t.Context(), "delete from public.goose_db_version where version_id > 1")
	require.NoError(t, err)
	_, err = postgres.Migrate(t.Context(), owner, postgres.MigrateOptions{})
	if err == nil || !strings.Contains(err.Error(), "reset search_path") {
		t.Errorf("a migration with another search_path gives %v, want what to do", err)
	}
}
