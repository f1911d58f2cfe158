package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group and version of every type in this package.
var GroupVersion = schema.GroupVersion{Group: "lectern.dev", Version: "v1alpha1"}

// The kinds of objects.
const (
	PromptKind        = "Prompt"
	SDPConnectionKind = "SDPConnection"
)

// AddToScheme makes the types of this package known to a scheme.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion, &Prompt{}, &PromptList{}, &SDPConnection{}, &SDPConnectionList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
