package controllers

import (
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lectern-dev/lectern/internal/namespaces"
)

// TestMaySelect: a policy of other namespaces is none of an installation's, as far as that can be told by their names.
func TestMaySelect(t *testing.T) {
	t.Parallel()
	const name = "kubernetes.io/metadata.name"
	expression := func(key string, operator metav1.LabelSelectorOperator, values ...string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: key, Operator: operator, Values: values}}}
	}
	for what, tc := range map[string]struct {
		watched         namespaces.Watched
		policy, binding *metav1.LabelSelector
		want            bool
	}{
		"no selector":                 {watched: namespaces.New("a"), want: true},
		"every namespace by name":     {watched: namespaces.New("a"), binding: expression(name, metav1.LabelSelectorOpExists), want: true},
		"one that is watched":         {watched: namespaces.New("a", "b"), binding: expression(name, metav1.LabelSelectorOpIn, "b", "c"), want: true},
		"others":                      {watched: namespaces.New("a", "b"), binding: expression(name, metav1.LabelSelectorOpIn, "c")},
		"others, by label":            {watched: namespaces.New("a"), binding: &metav1.LabelSelector{MatchLabels: map[string]string{name: "c"}}},
		"others, by the policy":       {watched: namespaces.New("a"), policy: expression(name, metav1.LabelSelectorOpIn, "c")},
		"all but one":                 {watched: namespaces.New("a"), binding: expression(name, metav1.LabelSelectorOpNotIn, "a")},
		"between them all":            {watched: namespaces.New("a", "b"), policy: expression(name, metav1.LabelSelectorOpIn, "a"), binding: expression(name, metav1.LabelSelectorOpIn, "b")},
		"a label that nobody can see": {watched: namespaces.New("a"), binding: expression("team", metav1.LabelSelectorOpIn, "x"), want: true},
		"everything is watched":       {binding: expression(name, metav1.LabelSelectorOpIn, "c"), want: true},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			got := maySelect(tc.watched, &admissionregistrationv1.MatchResources{NamespaceSelector: tc.policy}, &admissionregistrationv1.MatchResources{NamespaceSelector: tc.binding})
			if got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}
