package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	apimachineryvalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"

	"github.com/lectern-dev/lectern/internal/promptobject"
)

// unknownMetadataFields gives the fields of metadata that no object has.
func unknownMetadataFields(written any) []string {
	text, err := json.Marshal(written)
	if err != nil {
		return nil // what cannot be written was never read
	}
	var meta metav1.ObjectMeta
	strict, err := kjson.UnmarshalStrict(text, &meta)
	if err != nil {
		return nil // reported by validateMetadata
	}
	var paths []string
	for _, fieldErr := range strict {
		if at, ok := errors.AsType[kjson.FieldError](fieldErr); ok {
			paths = append(paths, "metadata."+at.FieldPath())
		}
	}
	return paths
}

// validateMetadata checks what every object has, which messages call by its noun. Without a name there is nothing to serve.
func validateMetadata(written any, noun string) field.ErrorList {
	at := field.NewPath("metadata")
	if written == nil {
		return field.ErrorList{field.Required(at.Child("name"), "write metadata: {name: …}; the name is what a "+noun+" is called by")}
	}
	fields, ok := written.(map[string]any)
	if !ok {
		return field.ErrorList{typeError(at, "object", written)}
	}
	if errs := validateMetadataStrings(at, fields); len(errs) > 0 {
		return errs
	}
	var meta metav1.ObjectMeta
	text, err := json.Marshal(written)
	if err == nil {
		err = kjson.UnmarshalCaseSensitivePreserveInts(text, &meta)
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return field.ErrorList{field.Invalid(at.Child(wrong.Field), "", fmt.Sprintf("cannot be a %s", wrong.Value))}
	}
	if err != nil {
		return field.ErrorList{field.Invalid(at, "", "cannot be read: "+err.Error())}
	}
	if meta.Name == "" {
		return field.ErrorList{field.Required(at.Child("name"), "a "+noun+" is called by its name; write name: under metadata:")}
	}
	if meta.Namespace == "" {
		meta.Namespace = promptobject.DefaultNamespace
	}
	return apimachineryvalidation.ValidateObjectMeta(&meta, true, apimachineryvalidation.NameIsDNSSubdomain, at)
}

// validateMetadataStrings finds what should be text and is none, which with labels and annotations is what YAML makes
// of true and 5.
func validateMetadataStrings(at *field.Path, fields map[string]any) field.ErrorList {
	var errs field.ErrorList
	for _, name := range []string{"name", "namespace"} {
		if value, written := fields[name]; written {
			if _, ok := value.(string); !ok {
				errs = append(errs, typeError(at.Child(name), "string", value))
			}
		}
	}
	for _, name := range []string{"labels", "annotations"} {
		values, _ := fields[name].(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(values)) {
			if _, ok := values[key].(string); !ok && values[key] != nil { // null is read as an empty text
				errs = append(errs, typeError(at.Child(name).Child(key), "string", values[key]))
			}
		}
	}
	return errs
}

// typeError says what kube-openapi says of fields of the spec.
func typeError(at *field.Path, wanted string, value any) *field.Error {
	is := "object"
	switch value.(type) {
	case nil:
		is = "null"
	case bool:
		is = "boolean"
	case string:
		is = "string"
	case int64:
		is = "integer"
	case float64:
		is = "number"
	case []any:
		is = "array"
	}
	return field.TypeInvalid(at, value, fmt.Sprintf("%s in body must be of type %s: %q", at, wanted, is))
}
