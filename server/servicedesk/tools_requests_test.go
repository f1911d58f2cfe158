package servicedesk_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
)

func TestListRequests(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connect(helpdesk, fake)
	r := h.serve()
	fake.ForgetCalls()
	text, open := mustCall[tickets](r, "list_requests", nil)
	want := []string{
		"Cannot open the budget workbook", "Guest Wi-Fi has no address", "Laptop will not dock", "Printer on floor 2 prints blank pages",
		"VPN client asks for an update", "VPN drops every few minutes", "Where do I ask for a second screen?",
	}
	if diff := cmp.Diff(want, open.subjects()); diff != "" {
		t.Errorf("open tickets (-want +got)\n%s\n%s", diff, text)
	}
	wantCalls(t, fake, 1)
}
