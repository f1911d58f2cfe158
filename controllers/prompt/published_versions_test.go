package prompt

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

func TestCopyToStatus_NamesEachIncludeOnce(t *testing.T) {
	var s v1alpha1.PromptStatus
	copyToStatus(&s, store.Published{
		Version: 3, Served: 2, Digest: "sha256:3",
		Channels: []store.Channel{{Name: "latest", Version: 3}, {Name: "production", Version: 2}},
		Includes: []prompt.Included{{Name: "style", Version: 2}, {Name: "style", Version: 1, Selector: "@1"}, {Name: "style", Version: 2, Selector: "@beta"}},
	})
	want := v1alpha1.PromptStatus{
		Version: 3, ServedVersion: 2, Digest: "sha256:3",
		Channels: []v1alpha1.ChannelStatus{{Name: "latest", Version: 3}, {Name: "production", Version: 2}},
		Includes: []v1alpha1.IncludeStatus{{Name: "style", Version: 1}, {Name: "style", Version: 2}},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}
