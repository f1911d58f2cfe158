package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/hack/promptcsv"
	"github.com/lectern-dev/lectern/internal/testenv"
)

// applyRun is one client's work on all prompts, and what it made the API server do.
type applyRun struct {
	// applied is the time until the client was done, elapsed until all was Ready; in seconds.
	applied, elapsed float64
	account          serverWork
}

// measureApplies measures how much longer one serial client takes to apply a collection until all is Ready
// than it takes where no controller runs.
func (b *bench) measureApplies(ctx context.Context) error {
	prompts, err := readCollection()
	if err != nil {
		return err
	}
	var with, policy, without []applyRun
	ways := []struct {
		what  string
		apply func(context.Context, string, []v1alpha1.Prompt) (applyRun, error)
		runs  *[]applyRun
	}{
		{"with", b.applyWithController, &with},
		{"with-policy", b.applyWithPolicy, &policy},
		{"without", b.applyWithoutController, &without},
	}
	for n := range b.rounds {
		for _, way := range ways {
			b.say("Applying %d prompts, round %d of %d: %s.", len(prompts), n+1, b.rounds, way.what)
			one, err := way.apply(ctx, fmt.Sprintf("%s-%d", way.what, n), prompts)
			if err != nil {
				return err
			}
			*way.runs = append(*way.runs, one)
			b.say("%.1f s.", one.elapsed)
		}
	}
	rows := applyRows(len(prompts), "the controller", with, without)
	rows = append(rows, applyRows(len(prompts), "the controller and the finalizer policy", policy, without)...)
	rows = append(rows, compareTimes("time with the controller and the finalizer policy", "time with the controller alone", policy, with))
	printTable(b.out, fmt.Sprintf("`kubectl apply` of %d prompts until all are Ready", len(prompts)), rows)
	return nil
}

// collectFigures returns one figure of every run.
func collectFigures(all []applyRun, figure func(applyRun) float64) series {
	s := make(series, len(all))
	for i, one := range all {
		s[i] = figure(one)
	}
	return s
}

func elapsedOf(a applyRun) float64   { return a.elapsed }
func processorOf(a applyRun) float64 { return a.account.processor }

func compareTimes(measured, against string, ours, theirs []applyRun) row {
	one, other := collectFigures(ours, elapsedOf), collectFigures(theirs, elapsedOf)
	return row{measured: measured, against: against, ratios: one.over(other), beside: fmt.Sprintf("%.1f s : %.1f s", one.median(), other.median())}
}

// applyRows are what it takes with something at work, which what names, against without the controller.
func applyRows(objects int, what string, with, without []applyRun) []row {
	processor, own := collectFigures(with, processorOf), collectFigures(without, processorOf)
	last := with[len(with)-1].account
	writes := collectFigures(with, func(a applyRun) float64 { return a.account.totalWrites() })
	clients := collectFigures(without, func(a applyRun) float64 { return a.account.totalWrites() })
	for i := range writes { // the client's own are in both
		writes[i] = (writes[i] - clients[i]) / float64(objects)
	}
	times := compareTimes("time with "+what, "time without the controller", with, without)
	times.wanted = "≤ 1.5"
	return []row{
		times,
		{
			measured: "time until all are Ready with " + what, against: "time until kubectl is done, same apply",
			ratios: collectFigures(with, elapsedOf).over(collectFigures(with, func(a applyRun) float64 { return a.applied })),
			beside: "what the controller is behind",
		},
		{
			measured: "API writes with " + what, against: "objects", wanted: "goal 3", ratios: writes,
			beside: "with the client's: " + last.describePerObject(objects),
		},
		{
			measured: "API server's processor time with " + what, against: "without the controller",
			ratios: processor.over(own), beside: fmt.Sprintf("%.1f s : %.1f s", processor.median(), own.median()),
		},
	}
}

// readCollection returns the real one where it can be found, else as many of the bench's own making.
func readCollection() ([]v1alpha1.Prompt, error) {
	path, err := testenv.TestData("prompts.csv")
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		fmt.Fprintln(os.Stderr, "No prompts.csv (LECTERN_TESTDATA says where); applying prompts of the bench's own making.")
		return inventPrompts(1184), nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // only read
	return promptcsv.Convert(file)
}

// inventPrompts prompts have the lengths of real ones: most a screen, a few a book.
func inventPrompts(count int) []v1alpha1.Prompt {
	prompts := make([]v1alpha1.Prompt, count)
	for i := range prompts {
		length := 400 + 37*(i%40)
		if i%50 == 0 {
			length = 20_000
		}
		prompts[i].APIVersion, prompts[i].Kind = v1alpha1.GroupVersion.String(), "Prompt"
		prompts[i].Name = fmt.Sprintf("invented-%d", i)
		prompts[i].Spec = v1alpha1.PromptSpec{
			Title: fmt.Sprintf("Invented %d", i), Syntax: "Simple",
			Text: fmt.Sprintf("Prompt %d for {{reader}}. ", i) + strings.Repeat("Say it plainly. ", length/16),
		}
	}
	return prompts
}

// applyWithController applies with the controller at work.
func (b *bench) applyWithController(ctx context.Context, namespace string, prompts []v1alpha1.Prompt) (applyRun, error) {
	if err := b.stack.Restart(ctx, testenv.Controller); err != nil {
		return applyRun{}, err
	}
	if err := b.waitForLeader(ctx, namespace+"-probe"); err != nil {
		return applyRun{}, err
	}
	return b.applyCollection(ctx, namespace, prompts, true)
}

// applyWithoutController applies where nobody looks.
func (b *bench) applyWithoutController(ctx context.Context, namespace string, prompts []v1alpha1.Prompt) (applyRun, error) {
	b.stack.Terminate(testenv.Controller)
	return b.applyCollection(ctx, namespace, prompts, false)
}

// applyCollection returns when all is applied and, if ready is asked for, Ready.
func (b *bench) applyCollection(ctx context.Context, namespace string, prompts []v1alpha1.Prompt, ready bool) (one applyRun, err error) {
	dir := filepath.Join(b.stack.Dir, namespace)
	if err := writeFiles(dir, prompts); err != nil {
		return applyRun{}, err
	}
	t, err := newTenant(ctx, b.stack.ControlPlane, namespace)
	if err != nil {
		return applyRun{}, err
	}
	defer t.close()
	before, err := t.waitForStableWork(ctx)
	if err != nil {
		return applyRun{}, err
	}
	began := time.Now()
	if err := t.applyFolder(ctx, dir); err != nil {
		return applyRun{}, err
	}
	one.applied = time.Since(began).Seconds()
	if ready {
		if err := t.waitUntilAllReady(ctx, prompts[len(prompts)-1].Name); err != nil {
			return applyRun{}, err
		}
	}
	one.elapsed = time.Since(began).Seconds()
	after, err := t.waitForStableWork(ctx)
	one.account = after.since(before)
	return one, errors.Join(err, t.removeAll(ctx))
}

// waitForLeader waits until the controller works: a standby is ready, too.
func (b *bench) waitForLeader(ctx context.Context, namespace string) error {
	probe := v1alpha1.Prompt{Spec: v1alpha1.PromptSpec{Text: "Is anybody there?"}}
	probe.APIVersion, probe.Kind, probe.Name = v1alpha1.GroupVersion.String(), "Prompt", "probe"
	_, err := b.applyCollection(ctx, namespace, []v1alpha1.Prompt{probe}, true)
	return err
}
