package prompt

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/store"
)

// copyToStatus writes what is published into the status.
func copyToStatus(s *v1alpha1.PromptStatus, live store.Published) {
	s.Version, s.ServedVersion, s.Digest = live.Version, live.Served, string(live.Digest)
	s.ServedSince = nil
	if !live.ServedSince.IsZero() {
		s.ServedSince = new(metav1.NewTime(live.ServedSince).Rfc3339Copy()) // as it is read back: a finer one would be written again each time
	}
	s.Channels = make([]v1alpha1.ChannelStatus, 0, len(live.Channels))
	for _, c := range live.Channels {
		s.Channels = append(s.Channels, v1alpha1.ChannelStatus{Name: c.Name, Version: c.Version})
	}
	s.Includes = nil
	for _, in := range live.Includes {
		s.Includes = append(s.Includes, v1alpha1.IncludeStatus{Name: in.Name, Version: in.Version})
	}
	slices.SortFunc(s.Includes, func(a, b v1alpha1.IncludeStatus) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
	s.Includes = slices.Compact(s.Includes) // one version may be asked for by two selectors
}
