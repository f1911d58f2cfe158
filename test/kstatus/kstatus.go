// Package kstatus computes what Argo CD, Flux and `kubectl wait` tools make of an object, from the
// written kstatus contract alone.
//
// It shares nothing with the code that writes status, nor with an implementation of the contract
// (fluxcd/cli-utils), so that what is tested is the contract and a test of the one by the other can fail.
package kstatus

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Verdict is the state of an object in the words of kstatus.
type Verdict string

// The verdicts an existing object can get.
const (
	Current     Verdict = "Current"
	InProgress  Verdict = "InProgress"
	Failed      Verdict = "Failed"
	Terminating Verdict = "Terminating"
)

// VerdictOf returns the verdict on an object, and an error when its status breaks the contract.
func VerdictOf(obj map[string]any) (Verdict, error) {
	u := unstructured.Unstructured{Object: obj}
	if u.GetDeletionTimestamp() != nil {
		return Terminating, nil
	}
	observed, found, err := unstructured.NestedInt64(obj, "status", "observedGeneration")
	if err != nil {
		return "", fmt.Errorf("read status.observedGeneration: %w", err)
	}
	if found && observed != u.GetGeneration() {
		return InProgress, nil
	}
	conditions, err := conditionsOf(obj)
	if err != nil {
		return "", err
	}
	switch {
	case conditions["Reconciling"] == "True" && conditions["Stalled"] == "True":
		return "", errors.New("both Reconciling and Stalled are True, which the contract forbids")
	case conditions["Reconciling"] == "True":
		return InProgress, nil
	case conditions["Stalled"] == "True":
		return Failed, nil
	case conditions["Ready"] == "False", conditions["Ready"] == "Unknown":
		return InProgress, nil
	default: // an observed object that says nothing to the contrary
		return Current, nil
	}
}

func conditionsOf(obj map[string]any) (map[string]string, error) {
	raw, _, err := unstructured.NestedSlice(obj, "status", "conditions")
	if err != nil {
		return nil, fmt.Errorf("read status.conditions: %w", err)
	}
	status := map[string]string{}
	for _, c := range raw {
		condition, ok := c.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("a condition is a %T, not an object", c)
		}
		kind, _, _ := unstructured.NestedString(condition, "type")
		status[kind], _, _ = unstructured.NestedString(condition, "status")
	}
	return status, nil
}
