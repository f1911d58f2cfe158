package servicedesk_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/servicedesk"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// TestService_WritesOff: with --write-intents=off no tool that writes is listed, and who calls one that they could write with, or an alias,
// is told why not; nothing reaches ServiceDesk Plus. Reading goes on, and the status names what is off.
func TestService_WritesOff(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connectToWrite(helpdesk, fake, func(s *store.ConnectionSettings) {
		s.Access.Toolsets = append(s.Access.Toolsets, "problems-and-changes", "assets", "trash")
	})
	off := func(c *servicedesk.Config) { c.Writes, c.WritesOff, c.Off = nil, true, []string{"write-intents"} }
	r := h.serve(off)
	listed, writing := r.listedTools(""), r.service.WritingTools()
	if _, reads := listed["list_requests"]; !reads || !slices.Contains(writing, "create_request") || !slices.Contains(writing, "pickup_request") {
		t.Fatalf("%v are listed, and %v write", listed, writing)
	}
	fake.ForgetCalls()
	for _, name := range writing {
		if _, is := listed[name]; is {
			t.Errorf("%s is listed", name)
		}
		if text := r.Send(t, transporttest.CallTool(name, nil)).Body; !strings.Contains(text, "--write-intents=off") {
			t.Errorf("%s is refused with %s", name, text)
		}
	}
	wantCalls(t, fake, 0)
	mustCall[tickets](r, "list_requests", map[string]any{"view": "all"})
	if text, _ := mustCall[statuses](r, "connection_status", nil); !strings.Contains(text, "off at this server: write-intents") {
		t.Error(text)
	}
	reader := h.serve(off, func(c *servicedesk.Config) { c.Authorizer = roles{"local:anna use /": true} })
	if text := reader.Send(t, transporttest.CallTool("create_request", nil)).Body; !strings.Contains(text, "no such tool") {
		t.Errorf("who may not write is told %s", text)
	}
}
