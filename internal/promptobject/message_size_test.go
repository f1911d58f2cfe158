package promptobject

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// TestMessagesAreBounded: what messages list and quote is short before it is cut, however much there is.
func TestMessagesAreBounded(t *testing.T) {
	t.Parallel()
	const many = 5000
	long := strings.Repeat("x", 63)
	live := store.Published{}
	for i := range many {
		live.Available = append(live.Available, int64(i))
		live.Missing = append(live.Missing, store.ChannelRule{Name: fmt.Sprint("c", i), Version: int64(i)})
	}
	inUse := store.Published{InUse: make([]store.VersionInUse, many)}
	kept := func(change func(p *v1alpha1.Prompt)) string {
		p := &v1alpha1.Prompt{}
		change(p)
		return RefusingOwner(p, store.ChangeRequest{Action: store.ActionUpdate})
	}
	path, refs := make([]string, many), make([]prompt.Ref, many)
	for i := range many {
		path[i], refs[i] = long, prompt.Ref{Name: long}
	}
	_, channels := UnmetReason(live)
	_, versions := UnmetReason(inUse)
	for name, message := range map[string]string{
		"channels": channels, "versions in use": versions,
		"field managers": kept(func(p *v1alpha1.Prompt) {
			for i := range many {
				p.ManagedFields = append(p.ManagedFields, metav1.ManagedFieldsEntry{Manager: fmt.Sprint(long, i), FieldsV1: metav1.NewFieldsV1(`{"f:spec":{}}`)})
			}
		}),
		"Argo CD": kept(func(p *v1alpha1.Prompt) {
			p.Annotations = map[string]string{argoTrackingID: strings.Repeat("a", 250_000)}
		}),
		"Helm": kept(func(p *v1alpha1.Prompt) {
			p.Annotations = map[string]string{helmReleaseName: strings.Repeat("a", 250_000)}
		}),
		"a cycle":  (&prompt.IncludeError{Fault: prompt.IncludeCycle, Path: path}).Error(),
		"too deep": (&prompt.IncludeError{Fault: prompt.IncludeTooDeep, Path: path}).Error(),
		"missing":  (&prompt.IncludeError{Fault: prompt.IncludeMissing, Refs: refs}).Error(),
	} {
		if len(message) == 0 || len(message) > excerpt.MaxMessage {
			t.Errorf("%s: %d bytes: %.200s", name, len(message), message)
		}
	}
}
