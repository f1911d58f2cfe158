package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv"
)

const (
	// footprintBound is what the controller and a server may each take, in bytes.
	footprintBound = 150 << 20
	// footprintPrompts are in so many namespaces, and beside them are as many Secrets that are none of Lectern's.
	footprintPrompts    = 10_000
	footprintNamespaces = 10
	foreignSecrets      = 2_000
	foreignSecretBytes  = 100_000
	// footprintTimeout bounds how long the controller may take to reconcile all, on a machine with much beside it.
	footprintTimeout = 40 * time.Minute
)

// peakAndNow is the memory of a process in RAM, in bytes: the most it was since the process started, and what it is now.
type peakAndNow struct{ peak, now float64 }

// readFootprint reads VmHWM and VmRSS of a process.
func readFootprint(pid int) (peakAndNow, error) {
	process, err := procfs.NewProc(pid)
	if err != nil {
		return peakAndNow{}, fmt.Errorf("read the memory of process %d (this needs Linux): %w", pid, err)
	}
	status, err := process.NewStatus()
	if err != nil {
		return peakAndNow{}, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	return peakAndNow{peak: float64(status.VmHWM), now: float64(status.VmRSS)}, nil
}

// footprints are what one run of measureFootprint saw.
type footprints struct{ published, restarted, controllerIdle, warm, serverIdle peakAndNow }

// measureFootprint measures the memory of a controller and of a server with footprintPrompts prompts of the sizes of the real
// collection, as `kubectl apply` leaves them, beside Secrets that the controller does not read. It fails where one is over the bound.
func (b *bench) measureFootprint(ctx context.Context) error {
	if os.Getenv("GOMEMLIMIT") != "" {
		return errors.New("GOMEMLIMIT is set, and the processes would keep to it; unset it")
	}
	collection, err := readCollection()
	if err != nil {
		return err
	}
	b.stack.Terminate(testenv.Controller)
	prompts := repeatPrompts(collection, footprintPrompts)
	if err := b.createForeignSecrets(ctx); err != nil {
		return fmt.Errorf("create Secrets: %w", err)
	}
	if err := b.createFootprintPrompts(ctx, prompts); err != nil {
		return fmt.Errorf("create prompts: %w", err)
	}
	seen, err := b.observeFootprints(ctx, prompts)
	if err != nil {
		return err
	}
	return b.reportFootprints(seen)
}

func (b *bench) observeFootprints(ctx context.Context, prompts []v1alpha1.Prompt) (seen footprints, err error) {
	for _, start := range []struct {
		what string
		into *peakAndNow
	}{{"published first", &seen.published}, {"read again after a restart", &seen.restarted}} {
		b.say("Starting a controller: %d prompts are %s.", len(prompts), start.what)
		if err := b.stack.Restart(ctx, testenv.Controller, "LECTERN_LEADER_ELECT=false"); err != nil { // a busy machine must not end it
			return seen, err
		}
		if err := b.waitUntilReconciled(ctx, len(prompts)); err != nil {
			return seen, err
		}
		if *start.into, err = readFootprint(b.stack.Pid(testenv.Controller)); err != nil {
			return seen, err
		}
		b.say("Controller: %s, %s.", start.into, b.describeHeap(ctx, testenv.Controller))
	}
	b.say("Asking a server for %d prompts.", len(prompts))
	if err := b.stack.Restart(ctx, testenv.Server1); err != nil {
		return seen, err
	}
	if err := b.askServerForAll(ctx, prompts); err != nil {
		return seen, err
	}
	if seen.warm, err = readFootprint(b.stack.Pid(testenv.Server1)); err != nil {
		return seen, err
	}
	b.say("Server: %s, %s. Idle for %s.", seen.warm, b.describeHeap(ctx, testenv.Server1), b.idle)
	select {
	case <-ctx.Done():
		return seen, ctx.Err()
	case <-time.After(b.idle):
	}
	if seen.controllerIdle, err = readFootprint(b.stack.Pid(testenv.Controller)); err != nil {
		return seen, err
	}
	b.say("Controller: %s, %s.", seen.controllerIdle, b.describeHeap(ctx, testenv.Controller))
	if err := b.sayTableSizes(ctx); err != nil {
		return seen, err
	}
	seen.serverIdle, err = readFootprint(b.stack.Pid(testenv.Server1))
	return seen, err
}

// sayTableSizes says how large the tables are that take most.
func (b *bench) sayTableSizes(ctx context.Context) error {
	families, err := scrapeMetrics(ctx, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, b.stack.MetricsURL(testenv.Controller))
	if err != nil {
		return err
	}
	total, large := 0.0, []string{}
	for _, m := range families["lectern_database_bytes"].GetMetric() {
		bytes := m.GetGauge().GetValue()
		if total += bytes; bytes > 1<<20 {
			large = append(large, fmt.Sprintf("%s %.1f", m.GetLabel()[0].GetValue(), bytes/(1<<20)))
		}
	}
	b.say("The tables take %.1f MiB: %s.", total/(1<<20), strings.Join(large, ", "))
	return nil
}

// describeHeap says what a process's memory is made of, for whoever looks for the reason.
func (b *bench) describeHeap(ctx context.Context, name string) string {
	families, err := scrapeMetrics(ctx, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, b.stack.MetricsURL(name))
	if err != nil {
		return err.Error()
	}
	mebibytes := func(family string) float64 {
		for _, m := range families[family].GetMetric() {
			return m.GetGauge().GetValue() / (1 << 20)
		}
		return 0
	}
	return fmt.Sprintf("heap %.1f MiB, to be collected at %.1f MiB, spans in use %.1f MiB, idle and not returned %.1f MiB, stacks %.1f MiB",
		mebibytes("go_memstats_heap_alloc_bytes"), mebibytes("go_memstats_next_gc_bytes"), mebibytes("go_memstats_heap_inuse_bytes"),
		mebibytes("go_memstats_heap_idle_bytes")-mebibytes("go_memstats_heap_released_bytes"), mebibytes("go_memstats_stack_inuse_bytes"))
}

func (p peakAndNow) String() string {
	return fmt.Sprintf("%.1f MiB, at most %.1f MiB", p.now/(1<<20), p.peak/(1<<20))
}

func (b *bench) reportFootprints(seen footprints) error {
	var over []string
	line := func(what string, bytes float64) row {
		ratio := bytes / footprintBound
		if ratio > 1 {
			over = append(over, what)
		}
		return row{
			measured: what, against: "150 MiB", ratios: series{ratio}, wanted: "≤ 1",
			beside: formatMebibytes(series{bytes}) + " : 150 MiB",
		}
	}
	printTable(b.out, fmt.Sprintf("Memory with %d prompts and %d Secrets of %d KB that are none of Lectern's", footprintPrompts, foreignSecrets, foreignSecretBytes/1000), []row{
		line("controller, peak while all are published for the first time", seen.published.peak),
		line("controller, peak after a restart until all are reconciled", seen.restarted.peak),
		line(fmt.Sprintf("controller, after %s idle", b.idle), seen.controllerIdle.now),
		line(fmt.Sprintf("controller, peak of the restart and %s idle", b.idle), seen.controllerIdle.peak),
		line("server, peak until each prompt was asked for", seen.warm.peak),
		line(fmt.Sprintf("server, after %s idle", b.idle), seen.serverIdle.now),
		line(fmt.Sprintf("server, peak with %s idle", b.idle), seen.serverIdle.peak),
	})
	if len(over) > 0 {
		return fmt.Errorf("over 150 MiB: %s", strings.Join(over, "; "))
	}
	return nil
}

// repeatPrompts returns so many prompts by repeating a collection under other names, spread over the namespaces.
func repeatPrompts(collection []v1alpha1.Prompt, count int) []v1alpha1.Prompt {
	prompts := make([]v1alpha1.Prompt, count)
	for i := range prompts {
		p := collection[i%len(collection)].DeepCopy()
		p.Name = fmt.Sprintf("%.40s-%05d", p.Name, i)
		p.Namespace = fmt.Sprintf("footprint-%d", i%footprintNamespaces)
		prompts[i] = *p
	}
	return prompts
}

// createForeignSecrets makes what a controller that watched Secrets would hold.
func (b *bench) createForeignSecrets(ctx context.Context) error {
	b.say("Creating %d Secrets of %d KB.", foreignSecrets, foreignSecretBytes/1000)
	t, err := newTenant(ctx, b.stack.ControlPlane, "foreign-secrets")
	if err != nil {
		return err
	}
	defer t.close()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(agents)
	for i := range foreignSecrets {
		group.Go(func() error {
			secret := corev1.Secret{Data: map[string][]byte{"noise": make([]byte, foreignSecretBytes)}}
			secret.APIVersion, secret.Kind, secret.Name = "v1", "Secret", fmt.Sprintf("foreign-%04d", i)
			_, _ = rand.Read(secret.Data["noise"]) // never fails, by its documentation
			return t.create(ctx, "/api/v1/namespaces/"+t.namespace+"/secrets", &secret)
		})
	}
	return group.Wait()
}

// createFootprintPrompts creates prompts as `kubectl apply` does, with all it keeps about itself.
func (b *bench) createFootprintPrompts(ctx context.Context, prompts []v1alpha1.Prompt) error {
	b.say("Creating %d prompts while no controller runs.", len(prompts))
	tenants := make([]*tenant, footprintNamespaces)
	for i := range tenants {
		var err error
		if tenants[i], err = newTenant(ctx, b.stack.ControlPlane, prompts[i].Namespace); err != nil {
			return err
		}
		defer tenants[i].close()
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(agents)
	for i := range prompts {
		group.Go(func() error {
			p := prompts[i].DeepCopy()
			written, err := json.Marshal(map[string]any{
				"apiVersion": p.APIVersion, "kind": p.Kind, "spec": p.Spec,
				"metadata": map[string]any{"name": p.Name, "namespace": p.Namespace, "labels": p.Labels, "annotations": p.Annotations},
			})
			if err != nil {
				return err
			}
			if p.Annotations == nil {
				p.Annotations = map[string]string{}
			}
			p.Annotations[corev1.LastAppliedConfigAnnotation] = string(written) + "\n"
			t := tenants[i%footprintNamespaces]
			return t.create(ctx, t.objectPath("")+"?fieldManager="+url.QueryEscape("kubectl-client-side-apply"), p)
		})
	}
	return group.Wait()
}

// create posts an object.
func (t *tenant) create(ctx context.Context, path string, object any) error {
	body, err := json.Marshal(object)
	if err != nil {
		return err
	}
	return t.send(ctx, http.MethodPost, path, "application/json", string(body), nil)
}

// waitUntilReconciled waits until the controller that runs has reconciled so many prompts, and all of them are Ready.
func (b *bench) waitUntilReconciled(ctx context.Context, prompts int) error {
	ctx, cancel := context.WithTimeout(ctx, footprintTimeout)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	said := time.Now()
	for {
		families, err := scrapeMetrics(ctx, client, b.stack.MetricsURL(testenv.Controller))
		if err != nil {
			return errors.Join(err, b.stack.CheckRunning(testenv.Controller))
		}
		ready := 0.0
		for _, m := range families["lectern_prompt_reconciles_total"].GetMetric() {
			for _, label := range m.GetLabel() {
				if label.GetName() == "outcome" && label.GetValue() == "Ready" {
					ready += m.GetCounter().GetValue()
				}
			}
		}
		if ready >= float64(prompts) {
			return nil
		}
		if time.Since(said) > time.Minute {
			said = time.Now()
			b.say("%.0f of %d prompts are reconciled.", ready, prompts)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the controller reconciled %.0f of %d prompts: %w", ready, prompts, ctx.Err())
		case <-tick.C:
		}
	}
}

// askServerForAll asks a server of the stack for every prompt once.
func (b *bench) askServerForAll(ctx context.Context, prompts []v1alpha1.Prompt) error {
	at, err := url.Parse(b.stack.Endpoints[0])
	if err != nil {
		return err
	}
	c, err := dial(ctx, at.Host)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // nothing is buffered for writing
	for i := range prompts {
		name := prompts[i].Namespace + "." + prompts[i].Name
		arguments := map[string]string{}
		for _, argument := range prompts[i].Spec.Arguments {
			arguments[argument.Name] = "x"
			if len(argument.Enum) > 0 {
				arguments[argument.Name] = argument.Enum[0]
			}
		}
		given, err := json.Marshal(arguments)
		if err != nil {
			return err
		}
		if err := c.ask(httpRequest(modernEra, promptsGet, name, fmt.Sprintf(`"name":%q,"arguments":%s`, name, given))); err != nil {
			return fmt.Errorf("ask for %s: %w", name, err)
		}
	}
	return nil
}
