package manifest

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	kyaml "sigs.k8s.io/yaml"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/config/crd"
)

// Reader reads manifests and validates them by the schemas of the custom resources, as an API server does when
// it is asked to create them with strict field validation. It is safe for concurrent use.
type Reader struct {
	schemas map[string]*schemaReader // by kind
}

// NewReader compiles the schemas and their CEL rules, which takes tens of milliseconds: make one and keep it.
// Only a damaged build makes it fail.
func NewReader() (*Reader, error) {
	r := &Reader{schemas: map[string]*schemaReader{}}
	for kind, definition := range map[string][]byte{
		v1alpha1.PromptKind:        crd.Prompts,
		v1alpha1.SDPConnectionKind: crd.SDPConnections,
	} {
		schema, err := newSchemaReader(kind, definition)
		if err != nil {
			return nil, fmt.Errorf("read the definition of %s: %w", kind, err)
		}
		r.schemas[kind] = schema
	}
	return r, nil
}

// schemaReader validates objects of one kind.
type schemaReader struct {
	kind       string
	structural *structuralschema.Structural
	openapi    validation.SchemaValidator
	rules      *cel.Validator
	applyTypes managedfields.TypeConverter
}

func newSchemaReader(kind string, written []byte) (*schemaReader, error) {
	var definition apiextensionsv1.CustomResourceDefinition
	if err := kyaml.UnmarshalStrict(written, &definition); err != nil {
		return nil, err
	}
	var props apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(
		definition.Spec.Versions[0].Schema.OpenAPIV3Schema, &props, nil); err != nil {
		return nil, err
	}
	structural, err := structuralschema.NewStructural(&props)
	if err != nil {
		return nil, err
	}
	openapi, _, err := validation.NewSchemaValidator(&props)
	if err != nil {
		return nil, err
	}
	applyTypes, err := newApplyTypes(kind, structural)
	if err != nil {
		return nil, fmt.Errorf("for server-side apply: %w", err)
	}
	return &schemaReader{
		kind:       kind,
		structural: structural,
		openapi:    openapi,
		rules:      cel.NewValidator(structural, true, celconfig.PerCallLimit),
		applyTypes: applyTypes,
	}, nil
}

// validateSource reports what an API server would refuse, in its words, and where.
func (r *schemaReader) validateSource(s *Source, problems *problemList) {
	known := problems.errors
	if s.reportDuplicateKeys(s.Node, problems); problems.errors > known {
		return // which of them counts is for their author to say
	}
	object := runtime.DeepCopyJSON(s.Object)
	for _, path := range slices.Concat(unknownMetadataFields(object["metadata"]), r.pruneUnknownFields(object)) {
		problems.report(false, problems.hasRoom() && s.isNull(path), func() Problem { return s.unknownFieldProblem(path) })
	}
	// What a person writes into status is dropped when an object is created, and so is what has no value.
	delete(object, "status")
	before := runtime.DeepCopyJSON(object)
	defaulting.PruneNonNullableNullsWithoutDefaults(object, r.structural)
	s.reportNulls(before, object, "", problems)
	for _, fieldErr := range r.validateObject(object) {
		problems.report(false, false, func() Problem { return s.schemaProblem(fieldErr) })
	}
	r.reportServerSide(s, problems)
}

// isNull says whether a path leads to a key without a value.
func (s *Source) isNull(path string) bool {
	at := Locate(s.Node, path)
	return at.Missing == "" && ResolveAlias(at.Value).ShortTag() == "!!null"
}

// pruneUnknownFields takes fields the schema does not have out of the object, and gives their paths.
func (r *schemaReader) pruneUnknownFields(object map[string]any) []string {
	return pruning.PruneWithOptions(object, r.structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
}

// validateObject checks an object in the order of an API server.
func (r *schemaReader) validateObject(object map[string]any) field.ErrorList {
	var lists listCheck
	lists.checkFields(object, r.structural, nil)
	errs := lists.wrongItems // of very many it is enough to say these
	if len(errs) <= maxFileProblems {
		errs = r.validateFields(object, len(lists.tooMany) == 0)
	}
	errs = slices.Concat(lists.tooMany, errs)
	slices.SortStableFunc(errs, compareFieldErrors) // some come in the order of a map
	return errs
}

// compareFieldErrors orders errors in one way; of the items of a list, by their index.
func compareFieldErrors(a, b *field.Error) int {
	return cmp.Or(cmp.Compare(len(a.Field), len(b.Field)), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Detail, b.Detail))
}

func (r *schemaReader) validateFields(object map[string]any, withRules bool) field.ErrorList {
	errs := validateMetadata(object["metadata"], kindNoun(r.kind))
	errs = append(errs, validation.ValidateCustomResource(nil, object, r.openapi)...)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, r.structural, object)...)
	if !withRules {
		return errs
	}
	for _, fieldErr := range errs {
		switch fieldErr.Type {
		case field.ErrorTypeNotSupported, field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid:
			return errs // the rules expect what these errors deny
		}
	}
	broken, _ := r.rules.Validate(context.Background(), nil, r.structural, object, nil, celconfig.RuntimeCELCostBudget)
	return append(errs, broken...)
}
