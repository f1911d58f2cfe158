package servicedesk_test

import (
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
)

// TestTrashRequest: a ticket is moved to the trash, and out of it by its id.
func TestTrashRequest(t *testing.T) {
	withTrash := func(s *store.ConnectionSettings) { s.Access.Toolsets = append(s.Access.Toolsets, "trash") }
	writeTo(t, sdptest.Options{}, withTrash, func(w *writingDesk) {
		id := w.idOf(ignored)
		type trashed struct{ ID, Number, Subject, State string }
		text, got := write[trashed](w, "trash_request", map[string]any{"request_id": w.numberOf(ignored)})
		w.wantCalls(findTicket, readTicket, "DELETE /requests/*"+w.inEdition("", "/move_to_trash"))
		if got.ID != "id:"+id || got.State != "in the trash" || !strings.Contains(text, "request_id=id:"+id+" restore=true") {
			t.Errorf("%+v %s", got, text)
		}
		_, got = write[trashed](w, "trash_request", map[string]any{"request_id": got.ID, "restore": true})
		if got.State != "not in the trash" || got.Subject != ignored || w.fake.Record("requests", id)["is_trashed"] != false {
			t.Errorf("%+v", got)
		}
		w.takeCalls()
		w.wantRefusal("trash_request", map[string]any{"request_id": w.numberOf(ignored), "restore": true}, "ConflictError", "is not in the trash")
	})
}
