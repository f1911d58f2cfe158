package auth

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/access"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/store"
)

func TestCallerProver_ProveCaller(t *testing.T) {
	t.Parallel()
	pair, err := seal.NewKeyPair(nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string][]byte{"private": pair.Private, "public": pair.Public} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	public, err := seal.OpenPublicKeys(filepath.Join(dir, "public"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	private, err := seal.OpenPrivateKeys(filepath.Join(dir, "private"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	prover := &CallerProver{Seal: public.Seal, IsForUsAlone: func(token string) bool { return !strings.HasPrefix(token, "wide") }}
	caller := func(token string) context.Context {
		return withToken(WithIdentity(t.Context(), Identity{Subject: "anna", Proof: access.ProofOIDC}), token)
	}

	proof, err := prover.ProveCaller(caller("narrow"))
	if err != nil {
		t.Fatal(err)
	}
	bound := store.ProofContext{ID: "1", Subject: "anna"}
	sealed, err := proof.Seal(bound)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := private.Open(sealed, bound.Encode()); err != nil || string(text) != "narrow" {
		t.Errorf("it opens as %q, %v", text, err)
	}
	moved := store.ProofContext{ID: "2", Subject: "anna"}
	if _, err := private.Open(sealed, moved.Encode()); !errors.Is(err, seal.ErrNotOpened) {
		t.Errorf("moved to another request: %v", err)
	}
	for name, ctx := range map[string]context.Context{
		"good elsewhere": caller("wide"), "no token": WithIdentity(t.Context(), Identity{Subject: "anna"}), "nobody": withToken(t.Context(), "narrow"),
	} {
		if _, err := prover.ProveCaller(ctx); err == nil {
			t.Errorf("%s: it is proven", name)
		} else if _, is := errors.AsType[*UnprovableError](err); !is {
			t.Errorf("%s: %v", name, err)
		}
	}
}
