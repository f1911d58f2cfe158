package servicedesk

import (
	"testing"

	"github.com/lectern-dev/lectern/internal/sdp"
)

// TestRefersTo: a row refers to an entry by its id, or by the name where a row has that alone.
func TestRefersTo(t *testing.T) {
	t.Parallel()
	network := sdp.Ref{ID: "7", Name: "Network"}
	for name, tc := range map[string]struct {
		of   sdp.Ref
		want bool
	}{
		"the id": {sdp.Ref{ID: "7"}, true}, "the id and another name": {sdp.Ref{ID: "7", Name: "Renamed"}, true},
		"the name alone, in another case": {sdp.Ref{Name: "nETWORK"}, true}, "another id of the same name": {sdp.Ref{ID: "8", Name: "Network"}, false},
		"another name": {sdp.Ref{Name: "Mail"}, false}, "nothing": {sdp.Ref{}, false},
	} {
		if got := refersTo(tc.of, network); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
