package scenarios

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// objectState is one state an object was in, or its end.
type objectState struct {
	gone bool
	*v1alpha1.Prompt
}

// recordWrites begins to record every write of every object of the scenario, and returns what gives the record, by name and in
// order, once the last write is in it.
func (c *world) recordWrites(t *testing.T) func(context.Context) map[string][]objectState {
	t.Helper()
	watcher, err := client.NewWithWatch(c.ControlPlane.Config, client.Options{Scheme: c.api.Scheme()})
	require.NoError(t, err)
	var begin v1alpha1.PromptList
	require.NoError(t, c.listObjects(t.Context(), &begin))
	var mu sync.Mutex
	events := map[string][]objectState{}
	newest := ""
	for i := range begin.Items {
		events[begin.Items[i].Name] = []objectState{{Prompt: &begin.Items[i]}}
	}
	following, err := watcher.Watch(t.Context(), &v1alpha1.PromptList{}, client.InNamespace(c.namespace),
		&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: begin.ResourceVersion}})
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() {
		for e := range following.ResultChan() {
			p, is := e.Object.(*v1alpha1.Prompt)
			if !is {
				ended <- fmt.Errorf("the watch tells %s of %T %+v", e.Type, e.Object, e.Object)
				return
			}
			mu.Lock()
			events[p.Name] = append(events[p.Name], objectState{gone: e.Type == watch.Deleted, Prompt: p})
			newest = p.Name
			mu.Unlock()
		}
		ended <- nil
	}()
	return func(ctx context.Context) map[string][]objectState {
		last := c.newPrompt("last", "the end of the record")
		require.NoError(t, c.createPrompts(ctx, last))
		require.NoError(t, wait.Until(ctx, func(context.Context) error {
			select {
			case err := <-ended:
				return fmt.Errorf("the watch ended: %w", err)
			default:
			}
			mu.Lock()
			defer mu.Unlock()
			if newest != "last" {
				return errors.New("the record is behind")
			}
			return nil
		}))
		following.Stop()
		if err := <-ended; err != nil { // the record is whole; a stream that is cut short may say so
			t.Log(err)
		}
		delete(events, "last")
		return events
	}
}

// storedRequest is a request as the database has it.
type storedRequest struct {
	ID, Name, Action, State, Reason, ObjectUID string
	Edit                                       store.Edit
	Expected, Version                          int64
	NewVersion                                 bool
}

// storedVersion is a version as the database has it.
type storedVersion struct {
	Version              int64
	Content, Description string
}

// invariants holds what everybody was told against what the objects were and what was published.
type invariants struct {
	*world
	events     map[string][]objectState
	requests   []storedRequest
	byID       map[string]*storedRequest
	versions   map[string][]storedVersion // ascending
	live       map[string]string          // uid by name, of rows that are no tombstones
	violations []error
}

// retainEdits has the database keep for the invariants what is asked. Lectern erases it with the answer.
func (c *world) retainEdits(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, c.OwnerURL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	_, err = conn.Exec(ctx, `
		drop schema if exists invariants cascade;
		create schema invariants;
		create table invariants.asked (id uuid primary key, edit jsonb not null);
		create function invariants.keep() returns trigger language plpgsql security definer as $$
		begin
		  insert into invariants.asked values (new.id, new.edit);
		  return null;
		end
		$$;
		create trigger invariants after insert on prompt_changes for each row execute function invariants.keep()`)
	return err
}

func (o *invariants) readDatabase(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, o.OwnerURL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	rows, err := conn.Query(ctx, `select id::text, name, action, state, reason, object_uid, asked.edit, expected_version, version, new_version
		from prompt_changes join invariants.asked using (id) where namespace = $1 order by seq`, o.namespace)
	if err != nil {
		return err
	}
	o.requests, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (a storedRequest, err error) {
		err = row.Scan(&a.ID, &a.Name, &a.Action, &a.State, &a.Reason, &a.ObjectUID, &a.Edit, &a.Expected, &a.Version, &a.NewVersion)
		return a, err
	})
	if err != nil {
		return err
	}
	o.byID = map[string]*storedRequest{}
	for i := range o.requests {
		o.byID[o.requests[i].ID] = &o.requests[i]
	}
	o.versions, o.live = map[string][]storedVersion{}, map[string]string{}
	rows, err = conn.Query(ctx, `select p.name, case when p.deleted_at is null then p.owner_uid else '' end, v.version, v.content,
		coalesce(v.document ->> 'description', '')
		from prompts p join prompt_versions v on v.prompt_id = p.id where p.namespace = $1 order by v.version`, o.namespace)
	if err != nil {
		return err
	}
	var name, uid string
	var v storedVersion
	_, err = pgx.ForEachRow(rows, []any{&name, &uid, &v.Version, &v.Content, &v.Description}, func() error {
		o.versions[name] = append(o.versions[name], v)
		o.live[name] = uid
		return nil
	})
	return err
}

func (o *invariants) addViolation(format string, args ...any) {
	o.violations = append(o.violations, fmt.Errorf(format, args...))
}

// countWrites returns how many writes were recorded.
func (o *invariants) countWrites() (n int) {
	for _, events := range o.events {
		n += len(events)
	}
	return n
}

// countOutcomes counts requests by what became of them.
func (o *invariants) countOutcomes() map[string]int {
	counted := map[string]int{}
	for i := range o.requests {
		r := &o.requests[i]
		counted[strings.TrimSpace(r.Action+" "+r.State+" "+r.Reason)]++
	}
	return counted
}

func (o *invariants) verify() []error {
	for i := range o.requests {
		o.verifyRequest(&o.requests[i])
	}
	for i := range o.calls {
		o.verifyCall(&o.calls[i])
	}
	for name, events := range o.events {
		o.verifyHistory(name, events)
		o.verifyVersions(name, events)
	}
	for name := range ownedPrompts {
		o.verifyOwned(name, o.events[name])
	}
	return o.violations
}

// indexesOfText returns the places in a history where an object came to carry a text.
func indexesOfText(events []objectState, text string) []int {
	var found []int
	for i, e := range events {
		if !e.gone && e.Spec.Text == text && (i == 0 || events[i-1].gone || events[i-1].Spec.Text != text) {
			found = append(found, i)
		}
	}
	return found
}

// versionsSaying returns the versions of a prompt that say all of an edit.
func (o *invariants) versionsSaying(r *storedRequest) []int64 {
	var found []int64
	for _, v := range o.versions[r.Name] {
		if v.Content == *r.Edit.Content && (r.Edit.Description == nil || v.Description == *r.Edit.Description) {
			found = append(found, v.Version)
		}
	}
	return found
}

// verifyRequest checks that what was answered is what happened to the edit, in the object and in the versions.
func (o *invariants) verifyRequest(r *storedRequest) {
	what := fmt.Sprintf("%s of %s (%s) ended %s %s", r.Action, r.Name, r.ID, r.State, r.Reason)
	if r.Action == string(store.ActionDelete) {
		if ends := o.wasDeleted(r.Name, r.ObjectUID); r.State == string(store.ChangePublished) && !ends {
			o.addViolation("%s, but object %s was not deleted", what, r.ObjectUID)
		}
		return
	}
	if r.Edit.Content == nil {
		return // a channel; verifyHistory checks its write
	}
	written, versions := len(indexesOfText(o.events[r.Name], *r.Edit.Content)), o.versionsSaying(r)
	want, most := 0, 0
	switch state, reason := store.ChangeState(r.State), r.Reason; {
	case state == store.ChangePublished:
		want, most = 1, 1
		if !slices.Contains(versions, r.Version) {
			o.addViolation("%s as version %d, but its text is in versions %v", what, r.Version, versions)
		}
		if r.Expected > 0 {
			o.verifyExpectedVersion(what, r)
		}
	case state == store.ChangeConflict && reason == store.ReasonSuperseded:
		want, most = 1, 1
	case state == store.ChangeConflict && (reason == store.ReasonInterrupted || reason == store.ReasonNotFound):
		most = 1 // it may have been there until the object was deleted
	case state == store.ChangeConflict, state == store.ChangeRefused, state == store.ChangeExpired:
	default:
		o.addViolation("%s, which nothing here leads to", what)
	}
	if written < want || written > most {
		o.addViolation("%s, but its text came into the object %d times", what, written)
	}
	if state := store.ChangeState(r.State); state != store.ChangePublished && len(versions) > 0 {
		o.addViolation("%s, but it is served as versions %v", what, versions)
	}
}

// verifyExpectedVersion checks that the object said what the asker had read when they changed it.
func (o *invariants) verifyExpectedVersion(what string, r *storedRequest) {
	events := o.events[r.Name]
	at := indexesOfText(events, *r.Edit.Content)
	known := slices.IndexFunc(o.versions[r.Name], func(v storedVersion) bool { return v.Version == r.Expected })
	if len(at) == 0 || at[0] == 0 || known < 0 {
		o.addViolation("%s expecting version %d, which is not there, or before nothing", what, r.Expected)
		return
	}
	before, read := events[at[0]-1], o.versions[r.Name][known]
	if before.gone || before.Spec.Text != read.Content || before.Spec.Description != read.Description {
		o.addViolation("%s expecting version %d (%q), but replaced %q: a lost update", what, r.Expected, read.Content, before.Spec.Text)
	}
	if r.Version != r.Expected+1 {
		o.addViolation("%s as version %d, expecting %d", what, r.Version, r.Expected)
	}
}

func (o *invariants) wasDeleted(name, uid string) bool {
	return slices.ContainsFunc(o.events[name], func(e objectState) bool { return e.gone && string(e.UID) == uid })
}

// verifyCall checks that what an agent was told is what the database says in the end.
func (o *invariants) verifyCall(c *agentCall) {
	r := o.byID[c.id]
	if r == nil && c.text != "" { // a tool's error names no id, but the text is the call's own
		at := slices.IndexFunc(o.requests, func(a storedRequest) bool { return a.Edit.Content != nil && *a.Edit.Content == c.text })
		if at >= 0 {
			r = &o.requests[at]
		}
	}
	what := fmt.Sprintf("the call %s %s %q was told %s %d %q", c.action, c.name, c.text, c.told, c.version, abbreviate(c.words))
	switch {
	case r == nil && c.told != "":
		o.addViolation("%s, of a request that is not there", what)
	case r == nil && c.text != "" && len(indexesOfText(o.events[c.name], c.text)) > 0:
		o.addViolation("%s, and no request was made, but the object said it", what)
	case r == nil, c.told != "" && !c.told.IsFinal(): // refused before it was asked, or to be asked about later
	case c.told == "" && r.State == string(store.ChangePublished):
		o.addViolation("%s, but the request ended %s", what, r.State)
	case c.told != "" && (string(c.told) != r.State || c.version != r.Version):
		o.addViolation("%s, but the request ended %s %d", what, r.State, r.Version)
	}
}

// verifyHistory checks that every write in an agent's name is just what was asked, once, on what was there before; and nothing comes
// into being but by who says so.
func (o *invariants) verifyHistory(name string, events []objectState) {
	done := map[string]bool{}
	for i, e := range events {
		if e.gone {
			continue
		}
		mark, was := e.Annotations[v1alpha1.LastChangeAnnotation], ""
		made := i == 0 || events[i-1].gone || events[i-1].UID != e.UID
		if i > 0 && !made {
			was = events[i-1].Annotations[v1alpha1.LastChangeAnnotation]
		}
		if mark == was {
			if made && !slices.ContainsFunc(o.humanTexts[name], func(text string) bool { return text == e.Spec.Text }) {
				o.addViolation("%s %s came into being saying %q, which nobody wrote", name, e.UID, e.Spec.Text)
			}
			continue
		}
		r := o.byID[mark]
		if r == nil || r.Name != name || done[mark] {
			o.addViolation("%s at %s carries change %q, which is another's, or was carried before", name, e.ResourceVersion, mark)
			continue
		}
		done[mark] = true
		want, err := promptobject.SpecFromEdit(r.Edit)
		if !made {
			want, err = promptobject.ApplyEdit(r.Name, events[i-1].Spec, r.Edit)
		}
		if made != (r.Action == string(store.ActionAdd)) || err != nil || len(diffSpecs(want, e.Spec)) > 0 {
			o.addViolation("%s at %s: %s %s (%v) wrote otherwise than asked:\n%s", name, e.ResourceVersion, r.Action, mark, err, diffSpecs(want, e.Spec))
		}
	}
}

func diffSpecs(want, got v1alpha1.PromptSpec) string {
	a, _ := json.Marshal(want)
	b, _ := json.Marshal(got)
	return cmp.Diff(string(a), string(b))
}

// verifyVersions checks that versions are states of the objects in the order they were in, and the last of them is the last state.
func (o *invariants) verifyVersions(name string, events []objectState) {
	at := 0
	for _, v := range o.versions[name] {
		next := slices.IndexFunc(events[at:], func(e objectState) bool {
			return !e.gone && e.Spec.Text == v.Content && e.Spec.Description == v.Description
		})
		if next < 0 {
			o.addViolation("version %d of %s says %q, which the object did not say after the version before", v.Version, name, v.Content)
			return
		}
		at += next
	}
	last := events[len(events)-1]
	if last.gone {
		if o.live[name] != "" {
			o.addViolation("%s is deleted, and served all the same", name)
		}
		return
	}
	versions := o.versions[name]
	if len(versions) == 0 || o.live[name] != string(last.UID) || versions[len(versions)-1].Content != last.Spec.Text {
		o.addViolation("%s says %q in the end; served is %+v of %q", name, last.Spec.Text, versions[max(0, len(versions)-1):], o.live[name])
	}
}

// verifyOwned checks that what is another's was written by nobody else, but for channels that its owner let agents move.
func (o *invariants) verifyOwned(name string, events []objectState) {
	for i, e := range events {
		if e.gone {
			o.addViolation("%s is another's, and was deleted", name)
			continue
		}
		if !slices.Contains(o.humanTexts[name], e.Spec.Text) {
			o.addViolation("%s is another's, and came to say %q", name, e.Spec.Text)
		}
		bare := *e.Spec.DeepCopy()
		bare.Text = ""
		annotations := map[string]string{}
		maps.Copy(annotations, e.Annotations)
		if name == "channels" {
			bare.Channels = nil
			delete(annotations, v1alpha1.LastChangeAnnotation)
			delete(annotations, v1alpha1.ChangedByAnnotation)
		}
		if i == 0 {
			continue
		}
		first := events[0]
		if diff := diffSpecs(v1alpha1.PromptSpec{}, bare) + cmp.Diff(first.Annotations, annotations, cmpopts.EquateEmpty()) + cmp.Diff(first.Labels, e.Labels); diff != "" {
			o.addViolation("%s is another's, and changed:\n%s", name, diff)
		}
	}
	for i := range o.requests {
		r := &o.requests[i]
		if r.Name == name && r.Reason != store.ReasonOwnedElsewhere && (name != "channels" || r.Edit.Channel == nil) {
			o.addViolation("%s of %s, which is another's, ended %s %s", r.Action, name, r.State, r.Reason)
		}
	}
}
