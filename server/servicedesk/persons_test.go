package servicedesk_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/access"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server"
	"github.com/lectern-dev/lectern/server/auth"
)

// provenAs takes everybody for one caller.
type provenAs struct{ auth.Identity }

func (p provenAs) Authenticate(r *http.Request) (context.Context, error) {
	return auth.WithIdentity(r.Context(), p.Identity), nil
}

// TestPersons: who came with a verified address is that person in ServiceDesk Plus, unless the connection says who they are.
func TestPersons(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connect(helpdesk, fake, func(s *store.ConnectionSettings) {
		s.Callers = []store.ConnectionCaller{{Subject: "mapped", Email: "tech@example.org"}}
	})
	for name, tc := range map[string]struct {
		identity auth.Identity
		want     []string
		you      string
	}{
		"by their address":  {auth.Identity{Subject: "nina", Email: "nina@example.org", Proof: access.ProofOIDC}, []string{wifi, drops}, "nina@example.org"},
		"by the connection": {auth.Identity{Subject: "mapped", Email: "nina@example.org", Proof: access.ProofOIDC}, []string{dock}, "tech@example.org"},
		"by neither":        {auth.Identity{Subject: "ben", Proof: access.ProofOIDC}, nil, "nobody: spec.callers has no entry for ben"},
	} {
		h.adapt = func(d *server.Deps) { d.Authenticator = provenAs{tc.identity} }
		r := h.serve()
		_, state := mustCall[status](r, "connection_status", nil)
		if got := state.Connections[0].You; got != tc.you {
			t.Errorf("%s: you are %s", name, got)
		}
		if tc.want == nil {
			if got := r.call("my_queue", nil); got.Details.Kind != "ForbiddenError" {
				t.Errorf("%s: %+v", name, got)
			}
			continue
		}
		if _, mine := mustCall[tickets](r, "my_queue", nil); !cmp.Equal(tc.want, mine.subjects()) {
			t.Errorf("%s: my queue is %v", name, mine.subjects())
		}
	}
}
