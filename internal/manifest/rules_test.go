package manifest

import (
	"os"
	"regexp"
	"testing"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apimachinery/pkg/util/version"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
)

// ruleCostLimit is what a rule may cost by its estimate, for an API server to take the definition.
const ruleCostLimit = 10_000_000

// TestRules_OfOldestKubernetes compiles every rule of both definitions with what the oldest Kubernetes that the chart supports
// has of CEL.
func TestRules_OfOldestKubernetes(t *testing.T) {
	t.Parallel()
	chart, err := os.ReadFile("../../charts/lectern/Chart.yaml")
	if err != nil {
		t.Fatal(err)
	}
	oldest := regexp.MustCompile(`kubeVersion: ">=(\d+\.\d+)\.`).FindSubmatch(chart)
	if oldest == nil {
		t.Fatal("the chart does not say from which Kubernetes on it runs")
	}
	rules := environment.MustBaseEnvSet(version.MustParseGeneric(string(oldest[1])))
	r, err := reader()
	if err != nil {
		t.Fatal(err)
	}
	for kind, schema := range r.schemas {
		compiled := compileRules(t, rules, schema.structural, kind, true)
		t.Logf("%s: %d rules compile on Kubernetes %s", kind, compiled, oldest[1])
		if compiled < 10 {
			t.Errorf("%s has only %d rules", kind, compiled)
		}
	}
}

// compileRules compiles the rules of a schema and of what is in it, and returns how many there are.
func compileRules(t *testing.T, rules *environment.EnvSet, schema *structuralschema.Structural, path string, isRoot bool) int {
	t.Helper()
	results, err := cel.Compile(schema, model.SchemaDeclType(schema, isRoot), celconfig.PerCallLimit, rules, cel.NewExpressionsEnvLoader())
	if err != nil {
		t.Errorf("%s: %v", path, err)
	}
	for i, result := range results {
		if result.Error != nil {
			t.Errorf("%s: %s: %v", path, schema.XValidations[i].Rule, result.Error)
		}
		if result.MessageExpressionError != nil {
			t.Errorf("%s: %s: %v", path, schema.XValidations[i].MessageExpression, result.MessageExpressionError)
		}
		if result.MaxCost > ruleCostLimit {
			t.Errorf("%s: %s: costs up to %d; %d are allowed", path, schema.XValidations[i].Rule, result.MaxCost, ruleCostLimit)
		}
	}
	compiled := len(results)
	for name, property := range schema.Properties {
		compiled += compileRules(t, rules, &property, path+"."+name, false)
	}
	if schema.Items != nil {
		compiled += compileRules(t, rules, schema.Items, path+"[]", false)
	}
	return compiled
}
