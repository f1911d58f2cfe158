package promptobject

import (
	"testing"
	"time"

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
		Withdrawn:  []int64{2}, Seen: store.Seen{Version: 5, Digest: "sha256:5"},
	}
	if diff := cmp.Diff(want, PublicationOf(p, compiled, 1000)); diff != "" {
		t.Errorf("publication (-want +got):\n%s", diff)
	}

	bare := PublicationOf(&v1alpha1.Prompt{}, compiled, 1000)
	if bare.Exposure != store.Listed || bare.Retain || bare.HistoryLimit != 1000 || bare.Channels != nil {
		t.Errorf("what a bare manifest leaves out becomes %+v", bare)
	}
}

func TestProvenanceOf(t *testing.T) {
	at := func(minute int) *metav1.Time {
		return &metav1.Time{Time: time.Date(2026, 1, 2, 3, minute, 0, 0, time.UTC)}
	}
	fields := func(json string) *metav1.FieldsV1 { return metav1.NewFieldsV1(json) }
	for name, tc := range map[string]struct {
		meta metav1.ObjectMeta
		want store.Provenance
	}{
		"the last manager of the spec": {
			meta: metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{
				{Manager: "helm", Time: at(1), FieldsV1: fields(`{"f:spec":{}}`)},
				{Manager: "kubectl", Time: at(2), FieldsV1: fields(`{"f:spec":{}}`)},
				{Manager: "labeller", Time: at(3), FieldsV1: fields(`{"f:metadata":{}}`)},
				{Manager: "lectern-controller", Time: at(4), Subresource: "status", FieldsV1: fields(`{"f:spec":{},"f:status":{}}`)},
				{Manager: "broken", Time: at(5), FieldsV1: fields(`not json`)},
			}},
			want: store.Provenance{Manager: "kubectl"},
		},
		"Argo CD": {
			meta: metav1.ObjectMeta{Annotations: map[string]string{"argocd.argoproj.io/tracking-id": "app:lectern.dev/Prompt:a/b"}},
			want: store.Provenance{Tracking: "argocd:app:lectern.dev/Prompt:a/b"},
		},
		"Flux": {
			meta: metav1.ObjectMeta{Labels: map[string]string{
				"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}},
			want: store.Provenance{Tracking: "flux-kustomize:flux-system/apps"},
		},
		"what people wrote": {
			meta: metav1.ObjectMeta{Annotations: map[string]string{
				v1alpha1.SourceRevisionAnnotation: "main@sha1:1", v1alpha1.ChangeMessageAnnotation: "shorter", v1alpha1.ChangedByAnnotation: "ops"}},
			want: store.Provenance{SourceRevision: "main@sha1:1", Message: "shorter", ChangedBy: "ops"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, provenanceOf(&v1alpha1.Prompt{ObjectMeta: tc.meta})); diff != "" {
				t.Errorf("provenance (-want +got):\n%s", diff)
			}
		})
	}
}
