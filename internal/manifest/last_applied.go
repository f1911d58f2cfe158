package manifest

import (
	"encoding/json"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
)

// MaxAnnotations is how many bytes Kubernetes allows all annotations of an object together.
const MaxAnnotations = 256 << 10

// LastAppliedSize computes how many bytes the annotations would have after a `kubectl apply` without --server-side,
// which keeps the whole object, as JSON, in one of them.
func (s *Source) LastAppliedSize() (int, error) {
	copied := maps.Clone(s.Object)
	meta, _ := copied["metadata"].(map[string]any)
	meta = maps.Clone(meta)
	// kubectl writes these two even where the manifest does not.
	meta["namespace"] = s.key.Namespace
	annotations, _ := meta["annotations"].(map[string]any)
	if annotations = maps.Clone(annotations); annotations == nil {
		annotations = map[string]any{}
	}
	delete(annotations, corev1.LastAppliedConfigAnnotation)
	meta["annotations"] = annotations
	copied["metadata"] = meta
	text, err := json.Marshal(copied)
	if err != nil {
		return 0, fmt.Errorf("write the object as JSON: %w", err)
	}
	size := len(corev1.LastAppliedConfigAnnotation) + len(text) + len("\n")
	for key, value := range annotations {
		said, _ := value.(string)
		size += len(key) + len(said)
	}
	return size, nil
}
