package promptobject

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/store"
)

func TestRefusingOwner(t *testing.T) {
	manages := func(manager, subresource, fields string) func(*v1alpha1.Prompt) {
		return func(p *v1alpha1.Prompt) {
			p.ManagedFields = append(p.ManagedFields, metav1.ManagedFieldsEntry{
				Manager: manager, Subresource: subresource, FieldsV1: metav1.NewFieldsV1(fields)})
		}
	}
	label := func(name, value string) func(*v1alpha1.Prompt) {
		return func(p *v1alpha1.Prompt) {
			if p.Labels == nil {
				p.Labels = map[string]string{}
			}
			p.Labels[name] = value
		}
	}
	annotated := func(name, value string) func(*v1alpha1.Prompt) {
		return func(p *v1alpha1.Prompt) {
			if p.Annotations == nil {
				p.Annotations = map[string]string{}
			}
			p.Annotations[name] = value
		}
	}
	object := func(change ...func(*v1alpha1.Prompt)) *v1alpha1.Prompt {
		p := &v1alpha1.Prompt{}
		for _, c := range change {
			c(p)
		}
		return p
	}
	tracked := annotated("argocd.argoproj.io/tracking-id", "app:x")
	const spec, channels = `{"f:spec":{"f:text":{}}}`, `{"f:spec":{"f:channels":{}}}`
	channelsOpen := annotated(v1alpha1.AgentsAnnotation, "channels")
	update := func(edit store.Edit) store.ChangeRequest {
		return store.ChangeRequest{Action: store.ActionUpdate, Edit: edit}
	}
	beta := &store.ChannelEdit{Name: "beta", Version: 1}
	text, moves, both := update(store.Edit{Content: new("new")}), update(store.Edit{Channel: beta}), update(store.Edit{Channel: beta, Title: new("T")})
	deletes := store.ChangeRequest{Action: store.ActionDelete}
	for name, tc := range map[string]struct {
		object  *v1alpha1.Prompt
		request store.ChangeRequest
		want    string
	}{
		"nobody's":                          {object(), text, ""},
		"ours":                              {object(manages(AgentFieldManager, "", spec)), text, ""},
		"the controller's marks":            {object(manages("lectern", "status", `{"f:status":{}}`), manages("lectern", "", `{"f:metadata":{"f:finalizers":{}}}`)), text, ""},
		"another's spec":                    {object(manages(AgentFieldManager, "", spec), manages("kubectl-edit", "", spec), manages("bot", "", channels)), text, "bot, kubectl-edit"},
		"fields nobody can read":            {object(manages("broken", "", `no json`)), text, "broken"},
		"another's deletion":                {object(manages("bot", "", spec)), deletes, "bot"},
		"Argo CD":                           {object(annotated("argocd.argoproj.io/tracking-id", "app:x")), text, "Argo CD (app:x)"},
		"Flux kustomize":                    {object(label("kustomize.toolkit.fluxcd.io/name", "apps")), text, "Flux (kustomize apps)"},
		"Flux helm":                         {object(label("helm.toolkit.fluxcd.io/name", "apps")), text, "Flux (helm apps)"},
		"both kinds of Flux":                {object(label("helm.toolkit.fluxcd.io/name", "redis"), label("kustomize.toolkit.fluxcd.io/name", "apps")), text, "Flux (kustomize apps)"},
		"another kind of Flux":              {object(label("artifact.toolkit.fluxcd.io/name", "apps")), text, "Flux (artifact apps)"},
		"the whole spec":                    {object(manages("bot", "", `{"f:spec":{}}`)), text, "bot"},
		"only what lies below a channel":    {object(manages("bot", "", `{"f:spec":{"f:channels":{"k:{\"name\":\"beta\"}":{".":{},"f:version":{}}}}}`), channelsOpen), moves, "bot"},
		"a Helm release":                    {object(annotated("meta.helm.sh/release-name", "r")), text, "Helm (release r)"},
		"Helm's label":                      {object(label("app.kubernetes.io/managed-by", "Helm")), text, "Helm"},
		"another's label":                   {object(label("app.kubernetes.io/managed-by", "Lectern")), text, ""},
		"kubectl apply":                     {object(annotated("kubectl.kubernetes.io/last-applied-configuration", "{}")), text, "kubectl apply"},
		"agents let in":                     {object(tracked, manages("bot", "", spec), annotated(v1alpha1.AgentsAnnotation, "all")), deletes, ""},
		"an unknown permission":             {object(tracked, annotated(v1alpha1.AgentsAnnotation, "yes")), text, "Argo CD (app:x)"},
		"channels let in":                   {object(tracked, manages("bot", "", spec), channelsOpen), moves, ""},
		"channels let in, but kept":         {object(manages("bot", "", channels), channelsOpen), moves, "bot"},
		"channels let in, text asked":       {object(manages("bot", "", spec), channelsOpen), text, "bot"},
		"channels let in, more asked":       {object(manages("bot", "", spec), channelsOpen), both, "bot"},
		"channels let in, deletion asked":   {object(tracked, channelsOpen), deletes, "Argo CD (app:x)"},
		"channels let in, withdrawal asked": {object(tracked, channelsOpen), update(store.Edit{Withdraw: 1}), "Argo CD (app:x)"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := RefusingOwner(tc.object, tc.request); got != tc.want {
				t.Errorf("owner is %q, want %q", got, tc.want)
			}
		})
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
		"both kinds of Flux": {
			meta: metav1.ObjectMeta{Labels: map[string]string{
				"helm.toolkit.fluxcd.io/name": "redis", "kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}},
			want: store.Provenance{Tracking: "flux-kustomize:flux-system/apps"},
		},
		"Helm keeps no place in Git": {
			meta: metav1.ObjectMeta{Annotations: map[string]string{"meta.helm.sh/release-name": "prompts"}},
		},
		"what people wrote": {
			meta: metav1.ObjectMeta{Annotations: map[string]string{
				v1alpha1.SourceRevisionAnnotation: "main@sha1:1", v1alpha1.ChangeMessageAnnotation: "shorter"}},
			want: store.Provenance{SourceRevision: "main@sha1:1", Message: "shorter"},
		},
		"nobody the object names itself": {
			meta: metav1.ObjectMeta{Annotations: map[string]string{v1alpha1.ChangedByAnnotation: "ops", v1alpha1.LastChangeAnnotation: "id"}},
		},
		"of two in one second the one that is no agent's": {
			meta: metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{
				{Manager: AgentFieldManager, Time: at(1), FieldsV1: fields(`{"f:spec":{}}`)},
				{Manager: "kubectl", Time: at(1), FieldsV1: fields(`{"f:spec":{}}`)},
			}},
			want: store.Provenance{Manager: "kubectl"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, provenanceOf(&v1alpha1.Prompt{ObjectMeta: tc.meta})); diff != "" {
				t.Errorf("provenance (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAuthorOf(t *testing.T) {
	owning := func(manager, fields string) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Manager: manager, FieldsV1: metav1.NewFieldsV1(fields)}
	}
	text := store.Edit{Content: new("x"), Title: new("t")}
	change := func(action store.Action, generation int64, edit store.Edit) *store.AppliedChange {
		return &store.AppliedChange{Subject: "agent", Action: action, Generation: generation, Edit: edit}
	}
	agents := owning(AgentFieldManager, `{"f:metadata":{"f:annotations":{}},"f:spec":{"f:text":{}}}`)
	for name, tc := range map[string]struct {
		change *store.AppliedChange
		fields []metav1.ManagedFieldsEntry
		want   string
	}{
		"no request":                           {nil, []metav1.ManagedFieldsEntry{agents}, ""},
		"a request of this generation":         {change(store.ActionUpdate, 4, text), []metav1.ManagedFieldsEntry{owning("kubectl", `{"f:spec":{"f:title":{}}}`), agents}, "agent"},
		"an addition":                          {change(store.ActionAdd, 4, text), []metav1.ManagedFieldsEntry{agents}, "agent"},
		"a request of an earlier generation":   {change(store.ActionUpdate, 3, text), []metav1.ManagedFieldsEntry{agents}, ""},
		"a request that changed nothing":       {change(store.ActionUpdate, 4, text), []metav1.ManagedFieldsEntry{owning("kubectl", `{"f:spec":{"f:text":{},"f:title":{}}}`), owning(AgentFieldManager, `{"f:metadata":{"f:annotations":{}}}`)}, ""},
		"a request for a field of another's":   {change(store.ActionUpdate, 4, store.Edit{Tags: &[]string{"a"}}), []metav1.ManagedFieldsEntry{agents}, ""},
		"an addition somebody else was before": {change(store.ActionAdd, 4, text), []metav1.ManagedFieldsEntry{owning("kubectl", `{"f:spec":{"f:text":{}}}`)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := &v1alpha1.Prompt{ObjectMeta: metav1.ObjectMeta{
				Generation: 4, ManagedFields: tc.fields, Annotations: map[string]string{v1alpha1.ChangedByAnnotation: "somebody"}}}
			if got := AuthorOf(p, tc.change); got != tc.want {
				t.Errorf("author is %q, want %q", got, tc.want)
			}
		})
	}
}
