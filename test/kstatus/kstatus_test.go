package kstatus

import "testing"

func TestVerdictOf(t *testing.T) {
	object := func(observed int64, conditions ...any) map[string]any {
		return map[string]any{
			"metadata": map[string]any{"generation": int64(2)},
			"status":   map[string]any{"observedGeneration": observed, "conditions": conditions},
		}
	}
	condition := func(kind, status string) any { return map[string]any{"type": kind, "status": status} }
	deleted := object(2, condition("Ready", "True"))
	deleted["metadata"].(map[string]any)["deletionTimestamp"] = "2026-01-02T03:04:05Z"

	for name, tc := range map[string]struct {
		object map[string]any
		want   Verdict
	}{
		"never looked at":            {object(-1), InProgress},
		"ready for an older spec":    {object(1, condition("Ready", "True")), InProgress},
		"ready":                      {object(2, condition("Ready", "True")), Current},
		"waiting":                    {object(2, condition("Ready", "False"), condition("Reconciling", "True")), InProgress},
		"stalled":                    {object(2, condition("Ready", "False"), condition("Stalled", "True")), Failed},
		"nobody can tell":            {object(2, condition("Ready", "Unknown")), InProgress},
		"observed without a word":    {object(2), Current},
		"being deleted though ready": {deleted, Terminating},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := VerdictOf(tc.object)
			if err != nil || got != tc.want {
				t.Errorf("verdict is %q, %v; want %q", got, err, tc.want)
			}
		})
	}
	if _, err := VerdictOf(object(2, condition("Reconciling", "True"), condition("Stalled", "True"))); err == nil {
		t.Error("Reconciling and Stalled together are no error")
	}
}
