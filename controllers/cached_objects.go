package controllers

import (
	"bytes"
	"sync"
	"unique"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lectern-dev/lectern/api/v1alpha1"
)

// specField and finalizersField are how the API server's account names the spec and the finalizers in what a manager owns (KEP-555).
var specField, finalizersField = []byte(`"f:spec"`), []byte(`"f:finalizers"`)

// unreadDropper drops from an object that goes into the cache what no reconcile reads: the copy of the whole manifest that kubectl
// keeps as an annotation, and who owns fields other than the spec's and, until the status names a controller, the finalizers. That is
// more than half of an object. Nothing of it is lost: what is written are merge patches between two states of an object that was read
// here. What objects say alike they share.
type unreadDropper struct {
	mu     sync.Mutex
	shared map[string]*metav1.FieldsV1
}

// maxSharedFields bounds the sets of fields that objects share.
const maxSharedFields = 1000

// transform implements the cache's TransformFunc.
func (d *unreadDropper) transform(cached any) (any, error) {
	p, is := cached.(*v1alpha1.Prompt)
	if !is {
		return cached, nil
	}
	delete(p.Annotations, corev1.LastAppliedConfigAnnotation)
	if len(p.Annotations) == 0 {
		p.Annotations = nil
	}
	var owners []metav1.ManagedFieldsEntry
	for _, e := range p.ManagedFields {
		if e.Subresource == "" && e.FieldsV1 != nil && isRead(p, e.FieldsV1.GetRawBytes()) {
			owners = append(owners, metav1.ManagedFieldsEntry{
				Manager: internText(e.Manager), Operation: e.Operation, Time: e.Time, FieldsV1: d.internFields(e.FieldsV1),
			})
		}
	}
	p.ManagedFields = owners
	p.Kind, p.APIVersion, p.Namespace = internText(p.Kind), internText(p.APIVersion), internText(p.Namespace)
	p.Status.Controller = internText(p.Status.Controller)
	for i := range p.Status.Conditions {
		c := &p.Status.Conditions[i]
		c.Type, c.Status, c.Reason, c.Message = internText(c.Type), metav1.ConditionStatus(internText(string(c.Status))), internText(c.Reason), internText(c.Message)
	}
	return p, nil
}

// isRead reports whether a reconcile reads who owns fields of an object: the spec's say who edited it, and the finalizer whose it is
// as long as its status does not.
func isRead(p *v1alpha1.Prompt, fields []byte) bool {
	return bytes.Contains(fields, specField) || p.Status.Controller == "" && bytes.Contains(fields, finalizersField)
}

// internText returns the text that all share who have the same.
func internText(text string) string { return unique.Make(text).Value() }

// internFields does the same for a set of fields. Nobody may change it, as nothing of a cached object.
func (d *unreadDropper) internFields(fields *metav1.FieldsV1) *metav1.FieldsV1 {
	d.mu.Lock()
	defer d.mu.Unlock()
	text := fields.GetRawString()
	if known := d.shared[text]; known != nil {
		return known
	}
	if d.shared == nil || len(d.shared) >= maxSharedFields {
		d.shared = map[string]*metav1.FieldsV1{}
	}
	d.shared[text] = fields
	return fields
}
