package controllers

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	reconciler "github.com/lectern-dev/lectern/controllers/prompt"
	"github.com/lectern-dev/lectern/controllers/status"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func TestController(t *testing.T) {
	startController(t)
	for name, scenario := range map[string]func(*testing.T){
		"publish and edit":                publishAndEdit,
		"bad edit keeps what is served":   badEditKeepsWhatIsServed,
		"second reconcile writes nothing": secondReconcileWritesNothing,
		"a deposed leader writes nothing": deposedLeaderWritesNothing,
		"a lost row comes back":           lostRowComesBack,
		"what is searched is indexed":     whatIsSearchedIsIndexed,
		"fragments wake their includers":  fragmentsWakeTheirIncluders,
		"includes follow their fragment":  includesFollowTheirFragment,
		"cycle blocks its members only":   cycleBlocksItsMembersOnly,
		"includes deeper than the limit":  includesDeeperThanTheLimit,
		"channels":                        channels,
		"withdraw":                        withdraw,
		"suspend":                         suspend,
		"delete and make again":           deleteAndMakeAgain,
		"made again under a live row":     madeAgainUnderALiveRow,
		"events tell of transitions":      eventsTellOfTransitions,

		"agents add, update and delete":              agentsAddUpdateAndDelete,
		"agents write back what they read":           agentsWriteBackWhatTheyRead,
		"agents are held to the version they know":   agentsAreHeldToTheVersionTheyKnow,
		"agents are refused what is not valid":       agentsAreRefusedWhatIsNotValid,
		"agents are told what blocks the object":     agentsAreToldWhatBlocksTheObject,
		"agents leave others alone":                  agentsLeaveOthersAlone,
		"agents are let in":                          agentsAreLetIn,
		"agents are answered for dropped marks":      agentsAreAnsweredForDroppedMarks,
		"agents keep their nulls":                    agentsKeepTheirNulls,
		"agents keep their turn":                     agentsKeepTheirTurn,
		"agents take turns":                          agentsTakeTurns,
		"agents are told of a terminating namespace": agentsAreToldOfATerminatingNamespace,
		"agents cannot forge their mark":             agentsCannotForgeTheirMark,
		"versions say who wrote them":                versionsSayWhoWroteThem,
		"a broken rule of the database blocks":       brokenRuleBlocks,
		"the last version blocks":                    lastVersionBlocks,

		"real prompts fit":                  realPromptsFit,
		"agents are told what etcd refuses": agentsAreToldWhatEtcdRefuses,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scenario(t)
		})
	}
}

func publishAndEdit(t *testing.T) {
	p := waitForReason(t, createPrompt(t, newPrompt(newNamespace(t), "greeting", "Hello {{who}}")), v1alpha1.ReasonPublished)
	first := p.Status.Digest
	wantServed(t, p, prompt.Selector{}, "Hello {{who}}")
	want := v1alpha1.PromptStatus{
		ObservedGeneration: 1, Controller: "default/lectern-controller", Version: 1, ServedVersion: 1, Digest: first,
		ServedSince: p.Status.ServedSince, Channels: []v1alpha1.ChannelStatus{{Name: "latest", Version: 1}}, Conditions: p.Status.Conditions,
	}
	if diff := cmp.Diff(want, p.Status); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}

	editPrompt(t, p, func(p *v1alpha1.Prompt) { p.Spec.Text = "Good day {{who}}" })
	p = waitForReason(t, p, v1alpha1.ReasonPublished)
	if p.Status.Version != 2 || p.Status.Digest == first {
		t.Errorf("after an edit the status is %+v", p.Status)
	}
	wantServed(t, p, prompt.Selector{}, "Good day {{who}}")
	wantServed(t, p, prompt.Selector{Version: 1}, "Hello {{who}}")

	editPrompt(t, p, func(p *v1alpha1.Prompt) { p.Spec.Text = "Hello {{who}}" })
	p = waitForReason(t, p, v1alpha1.ReasonPublished)
	if p.Status.Version != 3 || p.Status.Digest != first {
		t.Errorf("going back to an older text gives %+v, want version 3 with the first digest", p.Status)
	}
}

func badEditKeepsWhatIsServed(t *testing.T) {
	p := waitForReason(t, createPrompt(t, newPrompt(newNamespace(t), "fragile", "Good")), v1alpha1.ReasonPublished)
	editPrompt(t, p, func(p *v1alpha1.Prompt) { p.Spec.Text = "line one\nand {{#broken}}" })
	p = waitForReason(t, p, v1alpha1.ReasonInvalidTemplate)
	if !strings.Contains(readyMessage(p), "line 2, column 5") {
		t.Errorf("the message gives no place: %s", readyMessage(p))
	}
	if p.Status.Version != 1 {
		t.Errorf("a bad edit made version %d", p.Status.Version)
	}
	wantServed(t, p, prompt.Selector{}, "Good")
	editPrompt(t, p, func(p *v1alpha1.Prompt) { p.Spec.Text = "Better" })
	p = waitForReason(t, p, v1alpha1.ReasonPublished)
	wantServed(t, p, prompt.Selector{}, "Better")
}

func secondReconcileWritesNothing(t *testing.T) {
	p := waitForReason(t, createPrompt(t, newPrompt(newNamespace(t), "steady", "Steady")), v1alpha1.ReasonPublished)
	key := client.ObjectKeyFromObject(p)
	editPrompt(t, p, func(p *v1alpha1.Prompt) {
		p.Annotations = map[string]string{v1alpha1.RequestedAtAnnotation: "now"}
	})
	require.Eventually(t, func() error {
		require.NoError(t, api.Get(t.Context(), key, p))
		if p.Status.LastHandledReconcileAt != "now" {
			return fmt.Errorf("lastHandledReconcileAt is %q", p.Status.LastHandledReconcileAt)
		}
		return nil
	})
	before, rows := p.ResourceVersion, rowVersions(t, p)
	if p.Status.ServedSince == nil || p.Status.ServedSince.Before(&p.CreationTimestamp) {
		t.Errorf("served since %v, and created at %v", p.Status.ServedSince, p.CreationTimestamp)
	}

	result, err := newSecondReconciler(t).Reconcile(t.Context(), p)
	require.NoError(t, err)
	if result.RequeueAfter < 54*time.Minute {
		t.Errorf("comes back after %s, want about an hour", result.RequeueAfter)
	}
	require.NoError(t, api.Get(t.Context(), key, p))
	if p.ResourceVersion != before {
		t.Errorf("the second reconcile took the object from resourceVersion %s to %s", before, p.ResourceVersion)
	}
	if diff := cmp.Diff(rows, rowVersions(t, p)); diff != "" {
		t.Errorf("the second reconcile wrote rows (-before +after):\n%s", diff)
	}
}

// newSecondReconciler returns the reconciler of a second controller, as a deposed leader's would be.
func newSecondReconciler(t *testing.T) *reconciler.Reconciler {
	t.Helper()
	uid, err := clusterUID(t.Context(), api)
	require.NoError(t, err)
	writer := db.Writer(uid)
	require.NoError(t, writer.ClaimDatabase(t.Context()))
	return &reconciler.Reconciler{
		Client: api, Live: api, Store: writer,
		Status: status.Writer{Client: api, Recorder: events.NewFakeRecorder(10)},
		Clock:  clock.RealClock{}, HistoryLimit: 1000, Resync: time.Hour, Controller: "default/lectern-controller",
	}
}

// deposedLeaderWritesNothing lets a reconciler finish what it began before the object went on without it.
func deposedLeaderWritesNothing(t *testing.T) {
	for name, goOn := range map[string]func(*testing.T, *v1alpha1.Prompt) *v1alpha1.Prompt{
		"edited": func(t *testing.T, p *v1alpha1.Prompt) *v1alpha1.Prompt {
			editPrompt(t, p, func(p *v1alpha1.Prompt) { p.Spec.Text = "newer" })
			return waitForReason(t, p, v1alpha1.ReasonPublished)
		},
		"deleted": func(t *testing.T, p *v1alpha1.Prompt) *v1alpha1.Prompt {
			remove(t, p)
			return p
		},
		"made again": func(t *testing.T, p *v1alpha1.Prompt) *v1alpha1.Prompt {
			remove(t, p)
			return waitForReason(t, createPrompt(t, newPrompt(p.Namespace, p.Name, "another life")), v1alpha1.ReasonPublished)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := waitForReason(t, createPrompt(t, newPrompt(newNamespace(t), "contested", "older")), v1alpha1.ReasonPublished)
			held := p.DeepCopy()
			now := goOn(t, p)
			rows := rowVersions(t, now)

			held.Spec.Text = "what the deposed leader would publish"
			_, err := newSecondReconciler(t).Reconcile(t.Context(), held)
			require.NoError(t, err)
			if diff := cmp.Diff(rows, rowVersions(t, now)); diff != "" {
				t.Errorf("the deposed leader wrote rows (-before +after):\n%s", diff)
			}
			var after v1alpha1.Prompt
			err = api.Get(t.Context(), client.ObjectKeyFromObject(now), &after)
			if name == "deleted" && !apierrors.IsNotFound(err) || name != "deleted" && after.ResourceVersion != now.ResourceVersion {
				t.Errorf("the deposed leader touched the object (%v)", err)
			}
		})
	}
}

// lostRowComesBack is a database restored to a time before the prompt: the comparison finds the object
// without row, and it is stored again under its number.
func lostRowComesBack(t *testing.T) {
	p := waitForReason(t, createPrompt(t, newPrompt(newNamespace(t), "lost", "one")), v1alpha1.ReasonPublished)
	editPrompt(t, p, func(p *v1alpha1.Prompt) { p.Spec.Text = "two" })
	p = waitForReason(t, p, v1alpha1.ReasonPublished)
	_, err := pgtest.Connect(t, dsn).Exec(t.Context(), fmt.Sprintf(`
		begin;
		delete from prompt_channels using prompts p where prompt_id = p.id and p.namespace = '%[1]s';
		delete from prompt_versions using prompts p where prompt_id = p.id and p.namespace = '%[1]s';
		delete from prompts where namespace = '%[1]s';
		commit`, p.Namespace))
	require.NoError(t, err)
	require.Eventually(t, func() error {
		got, err := readServed(t, p, prompt.Selector{Version: 2})
		if err != nil || got != "two" {
			return fmt.Errorf("version 2 is %q, %v", got, err)
		}
		return nil
	})
	wantServed(t, p, prompt.Selector{}, "two")
}

// whatIsSearchedIsIndexed is an upgrade from a release that had no searches.
func whatIsSearchedIsIndexed(t *testing.T) {
	p := waitForReason(t, createPrompt(t, newPrompt(newNamespace(t), "found", "Needle")), v1alpha1.ReasonPublished)
	query := store.FindQuery{Filter: store.Filter{Scope: store.Scope{Namespaces: []string{p.Namespace}}}, Text: "needle", Limit: 1}
	if n, err := db.CountFound(t.Context(), query); err != nil || n != 1 {
		t.Fatalf("found %d (%v) once published, want 1", n, err)
	}
	conn := pgtest.Connect(t, dsn)
	_, err := conn.Exec(t.Context(), "delete from prompt_search s using prompts p where p.id = s.prompt_id and p.namespace = $1", p.Namespace)
	require.NoError(t, err)
	require.Eventually(t, func() error {
		n, err := db.CountFound(t.Context(), query)
		if err == nil && n != 1 {
			err = fmt.Errorf("found %d, want 1", n)
		}
		return err
	})
}

// rowVersions is the transaction that wrote each row of a prompt last.
func rowVersions(t *testing.T, p *v1alpha1.Prompt) []string {
	t.Helper()
	var found []string
	require.NoError(t, pgtest.Connect(t, dsn).QueryRow(t.Context(), `
		with me as (select id from prompts where namespace = $1 and name = $2)
		select array_agg(line order by line) from (
		  select 'prompt ' || xmin from prompts where id in (select id from me)
		  union all select 'version ' || version || ' ' || xmin from prompt_versions where prompt_id in (select id from me)
		  union all select 'channel ' || name || ' ' || xmin from prompt_channels where prompt_id in (select id from me)
		) as lines (line)`, p.Namespace, p.Name).Scan(&found))
	if len(found) == 0 {
		t.Fatal("found no row")
	}
	return found
}

func includesFollowTheirFragment(t *testing.T) {
	ns := newNamespace(t)
	page := waitForReason(t, createPrompt(t, newPrompt(ns, "page", "Top {{> style}} end")), v1alpha1.ReasonIncludeMissing)
	style := createPrompt(t, newPrompt(ns, "style", "plain"))
	page = waitForReason(t, page, v1alpha1.ReasonPublished)
	wantServed(t, page, prompt.Selector{}, "Top plain end")
	if diff := cmp.Diff([]v1alpha1.IncludeStatus{{Name: "style", Version: 1}}, page.Status.Includes); diff != "" {
		t.Errorf("includes (-want +got):\n%s", diff)
	}

	editPrompt(t, style, func(p *v1alpha1.Prompt) { p.Spec.Text = "fancy" })
	becomes(t, page, "Top fancy end")
	wantServed(t, page, prompt.Selector{Version: 1}, "Top plain end")
}

// becomes waits until callers get this text.
func becomes(t *testing.T, p *v1alpha1.Prompt, want string) {
	t.Helper()
	require.Eventually(t, func() error {
		if got, err := readServed(t, p, prompt.Selector{}); err != nil || got != want {
			return fmt.Errorf("%s is %q, %v; want %q", p.Name, got, err, want)
		}
		return nil
	})
}

// fragmentsWakeTheirIncluders goes through the ways in which a change reaches a page that includes style, which
// includes base.
func fragmentsWakeTheirIncluders(t *testing.T) {
	one := int64(1)
	for name, tc := range map[string]struct {
		include string
		change  func(t *testing.T, base, style *v1alpha1.Prompt)
		want    string
	}{
		"a fragment of a fragment": {"{{> style}}", func(t *testing.T, base, _ *v1alpha1.Prompt) {
			editPrompt(t, base, func(p *v1alpha1.Prompt) { p.Spec.Text = "new base" })
		}, "style of new base"},
		"a fragment of a pinned version that its spec has left": {"{{> style@1}}", func(t *testing.T, base, style *v1alpha1.Prompt) {
			editPrompt(t, style, func(p *v1alpha1.Prompt) { p.Spec.Text = "style alone" })
			waitForReason(t, style, v1alpha1.ReasonPublished)
			editPrompt(t, base, func(p *v1alpha1.Prompt) { p.Spec.Text = "new base" })
		}, "style of new base"},
		"a channel of the fragment": {"{{> style}}", func(t *testing.T, _, style *v1alpha1.Prompt) {
			editPrompt(t, style, func(p *v1alpha1.Prompt) { p.Spec.Text = "style alone" })
			waitForReason(t, style, v1alpha1.ReasonPublished)
			editPrompt(t, style, func(p *v1alpha1.Prompt) {
				p.Spec.Channels = []v1alpha1.Channel{{Name: "production", Version: &one}}
			})
		}, "style of base"},
	} {
		t.Run(name, func(t *testing.T) {
			ns := newNamespace(t)
			base := waitForReason(t, createPrompt(t, newPrompt(ns, "base", "base")), v1alpha1.ReasonPublished)
			style := waitForReason(t, createPrompt(t, newPrompt(ns, "style", "style of {{> base}}")), v1alpha1.ReasonPublished)
			page := waitForReason(t, createPrompt(t, newPrompt(ns, "page", tc.include)), v1alpha1.ReasonPublished)
			becomes(t, page, "style of base")
			tc.change(t, base, style)
			becomes(t, page, tc.want)
		})
	}
	t.Run("the end of a fragment", func(t *testing.T) {
		ns := newNamespace(t)
		style := waitForReason(t, createPrompt(t, newPrompt(ns, "style", "style")), v1alpha1.ReasonPublished)
		page := waitForReason(t, createPrompt(t, newPrompt(ns, "page", "{{> style}}")), v1alpha1.ReasonPublished)
		remove(t, style)
		page = waitForReason(t, page, v1alpha1.ReasonIncludeMissing)
		wantServed(t, page, prompt.Selector{}, "style")
	})
}

func cycleBlocksItsMembersOnly(t *testing.T) {
	ns := newNamespace(t)
	a := waitForReason(t, createPrompt(t, newPrompt(ns, "a", "A")), v1alpha1.ReasonPublished)
	b := waitForReason(t, createPrompt(t, newPrompt(ns, "b", "B {{> a}}")), v1alpha1.ReasonPublished)
	outside := waitForReason(t, createPrompt(t, newPrompt(ns, "outside", "O {{> a}}")), v1alpha1.ReasonPublished)

	editPrompt(t, a, func(p *v1alpha1.Prompt) { p.Spec.Text = "A {{> b}}" })
	a, b = waitForReason(t, a, v1alpha1.ReasonIncludeCycle), waitForReason(t, b, v1alpha1.ReasonIncludeCycle)
	for _, p := range []*v1alpha1.Prompt{a, b} {
		if p.Status.Version != 1 || !strings.Contains(readyMessage(p), "a → b → a") {
			t.Errorf("%s: version %d, message %q", p.Name, p.Status.Version, readyMessage(p))
		}
	}
	editPrompt(t, outside, func(p *v1alpha1.Prompt) { p.Spec.Text = "O2 {{> a}}" })
	outside = waitForReason(t, outside, v1alpha1.ReasonPublished)
	wantServed(t, outside, prompt.Selector{}, "O2 A")

	editPrompt(t, a, func(p *v1alpha1.Prompt) { p.Spec.Text = "A again" })
	waitForReason(t, a, v1alpha1.ReasonPublished)
	b = waitForReason(t, b, v1alpha1.ReasonPublished)
	becomes(t, b, "B A again")
}

func includesDeeperThanTheLimit(t *testing.T) {
	ns := newNamespace(t)
	waitForReason(t, createPrompt(t, newPrompt(ns, "level-0", "end")), v1alpha1.ReasonPublished)
	for i := 1; i <= prompt.MaxDepth; i++ {
		waitForReason(t, createPrompt(t, newPrompt(ns, fmt.Sprintf("level-%d", i), fmt.Sprintf("{{> level-%d}}", i-1))), v1alpha1.ReasonPublished)
	}
	waitForReason(t, createPrompt(t, newPrompt(ns, "too-deep", fmt.Sprintf("{{> level-%d}}", prompt.MaxDepth))), v1alpha1.ReasonLimitExceeded)
}

func channels(t *testing.T) {
	one := int64(1)
	seven := int64(7)
	p := waitForReason(t, createPrompt(t, newPrompt(newNamespace(t), "pinned", "one")), v1alpha1.ReasonPublished)
	editPrompt(t, p, func(p *v1alpha1.Prompt) {
		p.Spec.Text = "two"
		p.Spec.Channels = []v1alpha1.Channel{{Name: "production", Version: &one}, {Name: "beta"}}
	})
	p = waitForReason(t, p, v1alpha1.ReasonPublished)
	wantServed(t, p, prompt.Selector{}, "one")
	wantServed(t, p, prompt.Selector{Channel: "beta"}, "two")
	wantServed(t, p, prompt.Selector{Channel: "latest"}, "two")
	if p.Status.ServedVersion != 1 || p.Status.Version != 2 {
		t.Errorf("status is %+v", p.Status)
	}

	editPrompt(t, p, func(p *v1alpha1.Prompt) {
		p.Spec.Text = "three"
		p.Spec.Channels = []v1alpha1.Channel{{Name: "production", Version: &one}, {Name: "beta", Version: &seven}}
	})
	p = waitForReason(t, p, v1alpha1.ReasonChannelVersionMissing)
	if !strings.Contains(readyMessage(p), "channel beta asks for version 7") || !strings.Contains(readyMessage(p), "3, 2, 1") {
		t.Errorf("message: %s", readyMessage(p))
	}
	wantServed(t, p, prompt.Selector{Channel: "latest"}, "three")
	wantServed(t, p, prompt.Selector{Channel: "beta"}, "two")

	editPrompt(t, p, func(p *v1alpha1.Prompt) { p.Spec.Channels = nil })
	p = waitForReason(t, p, v1alpha1.ReasonPublished)
	if _, err := readServed(t, p, prompt.Selector{Channel: "beta"}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a channel that left the spec gives %v", err)
	}
}

func withdraw(t *testing.T) {
	p := waitForReason(t, createPrompt(t, newPrompt(newNamespace(t), "leaky", "a secret")), v1alpha1.ReasonPublished)
	editPrompt(t, p, func(p *v1alpha1.Prompt) { p.Spec.WithdrawnVersions = []int64{1} })
	p = waitForReason(t, p, v1alpha1.ReasonVersionInUse)
	wantServed(t, p, prompt.Selector{}, "a secret")

	editPrompt(t, p, func(p *v1alpha1.Prompt) { p.Spec.Text = "no secret" })
	p = waitForReason(t, p, v1alpha1.ReasonPublished)
	wantServed(t, p, prompt.Selector{}, "no secret")
	if _, err := readServed(t, p, prompt.Selector{Version: 1}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a withdrawn version gives %v", err)
	}
}

func suspend(t *testing.T) {
	p := waitForReason(t, createPrompt(t, newPrompt(newNamespace(t), "paused", "one")), v1alpha1.ReasonPublished)
	editPrompt(t, p, func(p *v1alpha1.Prompt) { p.Spec.Suspend, p.Spec.Text = true, "two" })
	p = waitForReason(t, p, v1alpha1.ReasonSuspended)
	wantServed(t, p, prompt.Selector{}, "one")
	remove(t, p)
	if _, err := readServed(t, p, prompt.Selector{}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a deleted prompt gives %v", err)
	}
}

func deleteAndMakeAgain(t *testing.T) {
	ns := newNamespace(t)
	p := waitForReason(t, createPrompt(t, newPrompt(ns, "phoenix", "first life")), v1alpha1.ReasonPublished)
	remove(t, p)
	p = waitForReason(t, createPrompt(t, newPrompt(ns, "phoenix", "second life")), v1alpha1.ReasonPublished)
	wantServed(t, p, prompt.Selector{}, "second life")
	if p.Status.Version != 2 {
		t.Errorf("the number goes on at %d, want 2", p.Status.Version)
	}
}

func madeAgainUnderALiveRow(t *testing.T) {
	ns := newNamespace(t)
	p := waitForReason(t, createPrompt(t, newPrompt(ns, "reborn", "old")), v1alpha1.ReasonPublished)
	// The finalizer is torn off, as `kubectl patch` in anger does, so the row stays live.
	editPrompt(t, p, func(p *v1alpha1.Prompt) { p.Finalizers = nil })
	remove(t, p)
	p = waitForReason(t, createPrompt(t, newPrompt(ns, "reborn", "new")), v1alpha1.ReasonPublished)
	wantServed(t, p, prompt.Selector{}, "new")
}

func eventsTellOfTransitions(t *testing.T) {
	p := waitForReason(t, createPrompt(t, newPrompt(newNamespace(t), "eventful", "{{bad")), v1alpha1.ReasonInvalidTemplate)
	editPrompt(t, p, func(p *v1alpha1.Prompt) { p.Spec.Text = "fine" })
	p = waitForReason(t, p, v1alpha1.ReasonPublished)
	require.Eventually(t, func() error {
		var found eventsv1.EventList
		if err := api.List(t.Context(), &found, client.InNamespace(p.Namespace)); err != nil {
			return err
		}
		kinds := map[string]string{}
		for _, e := range found.Items {
			if e.Regarding.UID == p.UID {
				kinds[e.Reason] = e.Type
			}
		}
		if diff := cmp.Diff(map[string]string{"InvalidTemplate": "Warning", "Published": "Normal"}, kinds); diff != "" {
			return fmt.Errorf("events (-want +got):\n%s", diff)
		}
		return nil
	})
}

// remove deletes the object and waits until it is gone.
func remove(t *testing.T, p *v1alpha1.Prompt) {
	t.Helper()
	require.NoError(t, api.Delete(t.Context(), p))
	gone(t, p)
}

func gone(t *testing.T, p *v1alpha1.Prompt) {
	t.Helper()
	require.Eventually(t, func() error {
		err := api.Get(t.Context(), client.ObjectKeyFromObject(p), &v1alpha1.Prompt{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("%s is still there (%v)", p.Name, err)
	})
}
