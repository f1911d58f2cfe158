package prompt

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

func TestCopyToStatus_NamesEachIncludeOnce(t *testing.T) {
	var s v1alpha1.PromptStatus
	copyToStatus(&s, store.Published{
		Version: 3, Served: 2, Digest: "sha256:3", ServedSince: time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.UTC),
		Channels: []store.Channel{{Name: "latest", Version: 3}, {Name: "production", Version: 2}},
		Includes: []prompt.Included{{Name: "style", Version: 2}, {Name: "style", Version: 1, Selector: "@1"}, {Name: "style", Version: 2, Selector: "@beta"}},
	})
	want := v1alpha1.PromptStatus{
		Version: 3, ServedVersion: 2, Digest: "sha256:3", ServedSince: new(metav1.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)),
		Channels: []v1alpha1.ChannelStatus{{Name: "latest", Version: 3}, {Name: "production", Version: 2}},
		Includes: []v1alpha1.IncludeStatus{{Name: "style", Version: 1}, {Name: "style", Version: 2}},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}
