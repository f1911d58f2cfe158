//go:build e2e

package e2e

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// runCronJob does what kubectl create job --from=cronjob/NAME does, and waits until the Job succeeded.
func (r release) runCronJob(t *testing.T, name string) string {
	t.Helper()
	var cron batchv1.CronJob
	require.NoError(t, r.objects.Get(t.Context(), client.ObjectKey{Namespace: r.namespace, Name: name}, &cron))
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{GenerateName: name + "-", Namespace: r.namespace}, Spec: cron.Spec.JobTemplate.Spec}
	job.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(&cron, batchv1.SchemeGroupVersion.WithKind("CronJob"))}
	require.NoError(t, r.objects.Create(t.Context(), job))
	log, succeeded := r.waitForJob(t, job)
	if !succeeded {
		r.logState(t)
		t.Fatalf("%s failed: %s", name, log)
	}
	return log
}

// testBackup dumps the database, changes an object, deletes another, and restores the dump while everything runs: what is served
// is then what the objects say.
func (r release) testBackup(t *testing.T) {
	r.createNamespace(t, "after-restore")
	reader := r.createAgent(t, "after-restore", "reader", prompts, "lectern-agent")
	r.apply(t, prompts, strings.ReplaceAll(greeting, "greeting", "farewell"))
	r.waitUntilPublished(t, prompts, "farewell")
	// Comparisons of objects and rows come sooner than every 5 minutes, so that the test need not wait for one.
	r.run(t, "upgrade", append([]string{chart, "--wait", "--timeout", "5m"}, r.values("--set", "database.trial.backup.enabled=true",
		"--set", "controller.comparisonInterval=10s", "--set", "controller.comparisonGrace=10s")...)...)
	t.Log(r.runCronJob(t, r.fullName()+"-backup"))

	r.apply(t, prompts, strings.ReplaceAll(greeting, "Greet {{name}}.", "Greet {{name}} after the dump."))
	r.waitUntilPublished(t, prompts, "greeting")
	farewell := &v1alpha1.Prompt{ObjectMeta: metav1.ObjectMeta{Namespace: prompts, Name: "farewell"}}
	require.NoError(t, r.objects.Delete(t.Context(), farewell))
	r.waitUntilGone(t, farewell)

	begun := time.Now()
	t.Log(r.runCronJob(t, r.fullName()+"-restore"))
	get := func(name string) string {
		return message("prompts/get", map[string]any{"name": prompts + "." + name, "arguments": map[string]any{"name": "Ada"}})
	}
	eventually(t, "what the objects say", func(context.Context) error {
		answer := reader.ask(t, r, get("greeting"), get("farewell"))
		if !strings.Contains(answer, "Greet Ada after the dump.") || strings.Count(answer, `"error"`) != 1 {
			return errors.New(answer)
		}
		return nil
	})
	r.record(t, "backup by the CronJob, restore into the running release: what the objects say is served again, what was deleted is not, %.0f s after the restore began",
		time.Since(begun).Seconds())
}
