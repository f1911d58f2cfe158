package promptobject

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

func TestSpecOf(t *testing.T) {
	for name, tc := range map[string]struct {
		spec v1alpha1.PromptSpec
		want prompt.Spec
	}{
		"one text is one user message": {
			spec: v1alpha1.PromptSpec{Text: "Hello"},
			want: prompt.Spec{Messages: []prompt.Message{{Role: prompt.User, Text: "Hello"}}},
		},
		"no arguments and an empty list of them are not the same": {
			spec: v1alpha1.PromptSpec{Text: "Hello", Arguments: []v1alpha1.Argument{}},
			want: prompt.Spec{
				Messages:  []prompt.Message{{Role: prompt.User, Text: "Hello"}},
				Arguments: []prompt.Declaration{},
			},
		},
		"every field": {
			spec: v1alpha1.PromptSpec{
				Title: "T", Description: "D", Category: "C", Tags: []string{"b", "a"}, Syntax: "Simple",
				Metadata: &runtime.RawExtension{Raw: []byte(`{"k":1}`)},
				Arguments: []v1alpha1.Argument{{
					Name: "n", Description: "d", Type: "Integer", Enum: []string{"1"}, Default: new("1"), Required: new(false),
				}},
				Messages: []v1alpha1.Message{{Role: "user", Text: "q"}, {Role: "assistant", Text: "a"}},
			},
			want: prompt.Spec{
				Title: "T", Description: "D", Category: "C", Tags: []string{"b", "a"}, Syntax: prompt.Simple,
				Metadata: []byte(`{"k":1}`),
				Arguments: []prompt.Declaration{{
					Name: "n", Description: "d", Type: prompt.Integer, Enum: []string{"1"}, Default: new("1"), Required: new(false),
				}},
				Messages: []prompt.Message{{Role: prompt.User, Text: "q"}, {Role: prompt.Assistant, Text: "a"}},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := SpecOf(&tc.spec)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("spec (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPublicationOf(t *testing.T) {
	p := &v1alpha1.Prompt{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "support", Name: "handover", UID: "u", Generation: 4, Labels: map[string]string{"team": "ops"},
			Annotations: map[string]string{v1alpha1.ChangeMessageAnnotation: "why"},
		},
		Spec: v1alpha1.PromptSpec{
			Exposure: "Fragment", DeletionPolicy: "Retain", HistoryLimit: new(int32(7)), WithdrawnVersions: []int64{2},
			Channels: []v1alpha1.Channel{{Name: "production", Version: new(int64(3))}, {Name: "beta"}},
		},
		Status: v1alpha1.PromptStatus{Version: 5, Digest: "sha256:5"},
	}
	compiled := &prompt.Compiled{Digest: "sha256:6"}
	want := store.Publication{
		Key:   store.Key{Namespace: "support", Name: "handover"},
		Owner: store.Owner{UID: "u", Generation: 4}, Labels: map[string]string{"team": "ops"},
		Exposure: store.Fragment, Retain: true, HistoryLimit: 7, Compiled: compiled,
		Provenance: store.Provenance{Message: "why"},
		Channels:   []store.ChannelRule{{Name: "production", Version: 3}, {Name: "beta"}},
		Withdrawn:  []int64{2}, LastObserved: store.LastObserved{Version: 5, Digest: "sha256:5"},
	}
	if diff := cmp.Diff(want, PublicationOf(p, compiled, 1000)); diff != "" {
		t.Errorf("publication (-want +got):\n%s", diff)
	}

	bare := PublicationOf(&v1alpha1.Prompt{}, compiled, 1000)
	if bare.Exposure != store.Listed || bare.Retain || bare.HistoryLimit != 1000 || bare.Channels != nil {
		t.Errorf("what a bare manifest leaves out becomes %+v", bare)
	}
}
