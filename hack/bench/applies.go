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
	"github.com/lectern-dev/lectern/hack/local"
	"github.com/lectern-dev/lectern/hack/promptcsv"
)

// application is one client's work on all prompts, and what it made the API server do.
type application struct {
	elapsed float64
	account account
	// controller is the controller's processor time, in seconds.
	controller float64
}

// applies measures how much longer one serial client takes to apply a collection until all is Ready
// than it takes where no controller runs.
func (b *bench) applies(ctx context.Context) error {
	prompts, err := collection()
	if err != nil {
		return err
	}
	var with, without []application
	for n := range b.rounds {
		b.say("Applying %d prompts, round %d of %d: with the controller.", len(prompts), n+1, b.rounds)
		one, err := b.applyWith(ctx, fmt.Sprintf("with-%d", n), prompts)
		if err != nil {
			return err
		}
		with = append(with, one)
		b.say("%.1f s. Without the controller.", one.elapsed)
		if one, err = b.applyWithout(ctx, fmt.Sprintf("without-%d", n), prompts); err != nil {
			return err
		}
		without = append(without, one)
		b.say("%.1f s.", one.elapsed)
	}
	table(b.out, fmt.Sprintf("applying %d prompts by one serial client until all are Ready", len(prompts)),
		applyRows(len(prompts), with, without))
	return nil
}

func applyRows(objects int, with, without []application) []row {
	of := func(all []application, figure func(application) float64) series {
		s := make(series, len(all))
		for i, one := range all {
			s[i] = figure(one)
		}
		return s
	}
	elapsed := func(a application) float64 { return a.elapsed }
	processor := func(a application) float64 { return a.account.processor }
	last := with[len(with)-1].account
	controller := of(with, func(a application) float64 { return a.controller / float64(objects) })
	writes := of(with, func(a application) float64 { return a.account.total() })
	own := of(without, func(a application) float64 { return a.account.total() })
	for i := range writes { // the client's own are in both
		writes[i] = (writes[i] - own[i]) / float64(objects)
	}
	return []row{
		{
			measured: "time with the controller", against: "time without", wanted: "≤ 1.5",
			ratios: of(with, elapsed).over(of(without, elapsed)),
			beside: fmt.Sprintf("%.1f s : %.1f s; controller's processor time %s an object", of(with, elapsed).median(), of(without, elapsed).median(), micros(controller)),
		},
		{
			measured: "API writes by the controller", against: "objects", wanted: "goal 3", ratios: writes,
			beside: "with the client's: " + last.each(objects),
		},
		{
			measured: "API server's processor time with the controller", against: "without",
			ratios: of(with, processor).over(of(without, processor)),
			beside: fmt.Sprintf("%.1f s : %.1f s", of(with, processor).median(), of(without, processor).median()),
		},
	}
}

// collection is the real one where it can be found, else as many of the bench's own making.
func collection() ([]v1alpha1.Prompt, error) {
	folder := os.Getenv("LECTERN_TESTDATA")
	if folder == "" {
		root, err := local.Root()
		if err != nil {
			return nil, err
		}
		folder = filepath.Join(root, "..", "shared", "data")
	}
	file, err := os.Open(filepath.Join(folder, "prompts.csv"))
	if errors.Is(err, os.ErrNotExist) {
		fmt.Fprintln(os.Stderr, "No prompts.csv (LECTERN_TESTDATA says where); applying prompts of the bench's own making.")
		return invented(1184), nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // only read
	return promptcsv.Convert(file)
}

// invented prompts have the lengths of real ones: most a screen, a few a book.
func invented(count int) []v1alpha1.Prompt {
	prompts := make([]v1alpha1.Prompt, count)
	for i := range prompts {
		length := 400 + 37*(i%40)
		if i%50 == 0 {
			length = 20_000
		}
		prompts[i].Name = fmt.Sprintf("invented-%d", i)
		prompts[i].Spec = v1alpha1.PromptSpec{
			Title: fmt.Sprintf("Invented %d", i), Syntax: "Simple",
			Text: fmt.Sprintf("Prompt %d for {{reader}}. ", i) + strings.Repeat("Say it plainly. ", length/16),
		}
	}
	return prompts
}

// applyWith applies with the controller at work, and tidies up.
func (b *bench) applyWith(ctx context.Context, namespace string, prompts []v1alpha1.Prompt) (application, error) {
	if err := b.stack.Restart(ctx, local.Controller); err != nil {
		return application{}, err
	}
	if err := b.awaitLeader(ctx, namespace+"-probe"); err != nil {
		return application{}, err
	}
	pid := b.stack.Pid(local.Controller)
	before, err := processor(pid)
	if err != nil {
		return application{}, err
	}
	one, err := b.apply(ctx, namespace, prompts, (*applier).awaitReady)
	if err != nil {
		return application{}, err
	}
	after, err := processor(pid)
	one.controller = after - before
	return one, errors.Join(err, b.remove(ctx, namespace))
}

// applyWithout applies where nobody looks, and tidies up.
func (b *bench) applyWithout(ctx context.Context, namespace string, prompts []v1alpha1.Prompt) (application, error) {
	b.stack.Terminate(local.Controller)
	one, err := b.apply(ctx, namespace, prompts, func(*applier, context.Context, []manifest) error { return nil })
	if err != nil {
		return application{}, err
	}
	return one, b.remove(ctx, namespace)
}

func (b *bench) apply(
	ctx context.Context, namespace string, prompts []v1alpha1.Prompt, await func(*applier, context.Context, []manifest) error,
) (application, error) {
	a, err := newApplier(b.stack.ControlPlane, namespace)
	if err != nil {
		return application{}, err
	}
	defer a.close()
	manifests, err := a.manifests(prompts)
	if err != nil {
		return application{}, err
	}
	if err := a.createNamespace(ctx); err != nil {
		return application{}, err
	}
	before, err := a.settled(ctx)
	if err != nil {
		return application{}, err
	}
	began := time.Now()
	for _, m := range manifests {
		if err := a.apply(ctx, m); err != nil {
			return application{}, err
		}
	}
	if err := await(a, ctx, manifests); err != nil {
		return application{}, err
	}
	elapsed := time.Since(began).Seconds()
	after, err := a.settled(ctx)
	return application{elapsed: elapsed, account: after.since(before)}, err
}

// settled is the account once nothing is written any more: events come after what they tell of.
func (a *applier) settled(ctx context.Context) (account, error) {
	last, err := a.account(ctx)
	if err != nil {
		return account{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return account{}, ctx.Err()
		case <-tick.C:
		}
		now, err := a.account(ctx)
		if err != nil || now.total() == last.total() {
			return now, err
		}
		last = now
	}
}

// awaitLeader waits until the controller works: ready it is before that, as a standby is.
func (b *bench) awaitLeader(ctx context.Context, namespace string) error {
	probe := v1alpha1.Prompt{Spec: v1alpha1.PromptSpec{Text: "Is anybody there?"}}
	probe.Name = "probe"
	if _, err := b.apply(ctx, namespace, []v1alpha1.Prompt{probe}, (*applier).awaitReady); err != nil {
		return err
	}
	return b.remove(ctx, namespace)
}

func (b *bench) remove(ctx context.Context, namespace string) error {
	a, err := newApplier(b.stack.ControlPlane, namespace)
	if err != nil {
		return err
	}
	defer a.close()
	return a.removeAll(ctx)
}
