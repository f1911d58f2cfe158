package folder_test

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/hack/promptcsv"
	"github.com/lectern-dev/lectern/hack/promptcsv/realprompts"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

const anna = "local:anna"

// request asks as a tool does.
func (d *harness) request(r store.ChangeRequest) (store.ChangeOutcome, error) {
	if r.ID == "" {
		r.ID = fmt.Sprintf("%08x-0000-4000-8000-%012x", d.asked.Add(1), d.asked.Load())
	}
	if r.Subject == "" {
		r.Subject = anna
	}
	return d.folder.RequestChange(d.Context(), r)
}

// change asks for what must be carried out or refused, but not fail.
func (d *harness) change(r store.ChangeRequest) store.ChangeOutcome {
	d.Helper()
	o, err := d.request(r)
	require.NoError(d, err)
	return o
}

func (d *harness) file(path string) string {
	d.Helper()
	text, err := os.ReadFile(d.path(path))
	require.NoError(d, err)
	return string(text)
}

func (d *harness) ends(r store.ChangeRequest, state store.ChangeState, reason, message string) {
	d.Helper()
	o := d.change(r)
	if o.State != state || o.Reason != reason || !strings.Contains(o.Message, message) {
		d.Errorf("%s %s: %s %s %q, want %s %s with %q", r.Action, r.Key, o.State, o.Reason, o.Message, state, reason, message)
	}
}

func update(name string, edit store.Edit) store.ChangeRequest {
	return store.ChangeRequest{Key: key(name), Action: store.ActionUpdate, Edit: edit}
}

func content(text string) store.Edit { return store.Edit{Content: &text} }

func TestRequestChange_Add(t *testing.T) {
	t.Parallel()
	d := open(t, map[string]string{"there.yaml": manifest("there", "x"), "taken.yaml": "# nothing yet\n"})
	o := d.change(store.ChangeRequest{ID: "c0ffee00-0000-4000-8000-000000000000", Key: key("new"), Action: store.ActionAdd, Edit: content("Hello {{name}}")})
	want := store.ChangeOutcome{
		ID: "c0ffee00-0000-4000-8000-000000000000", Key: key("new"), Action: store.ActionAdd,
		State: store.ChangePublished, Version: 1, Served: 1, NewVersion: true,
	}
	if diff := gocmp.Diff(want, o); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
	if got := d.text(key("new")); got != "Hello {{name}}" {
		t.Errorf("served at once is %q", got)
	}
	if diff := gocmp.Diff("apiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata:\n  name: new\nspec:\n  syntax: Plain\n  text: Hello {{name}}\n", d.file("new.yaml")); diff != "" {
		t.Errorf("file (-want +got):\n%s", diff)
	}
	d.ends(store.ChangeRequest{Key: key("there"), Action: store.ActionAdd, Edit: content("y")}, store.ChangeConflict, store.ReasonAlreadyExists, "there already")
	d.ends(store.ChangeRequest{ID: "beef0000-0000-4000-8000-000000000000", Key: key("taken"), Action: store.ActionAdd, Edit: content("y")}, store.ChangePublished, "", "")
	if got := d.file("taken.yaml"); got != "# nothing yet\n" {
		t.Errorf("the file that was there is %q", got)
	}
	if got := d.file("taken-beef0000.yaml"); !strings.Contains(got, "name: taken\n") {
		t.Errorf("the file beside it is %q", got)
	}
	d.ends(store.ChangeRequest{Key: key("bad"), Action: store.ActionAdd, Edit: store.Edit{Content: new("{{> nobody}}"), IsTemplate: new(true), Title: new(strings.Repeat("t", 101))}},
		store.ChangeRefused, store.ReasonInvalid, "may not be")
	if _, err := os.Stat(d.path("bad.yaml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was refused left a file: %v", err)
	}
}

// TestRequestChange_WritingBackChangesNothing: not a byte of the file, and no version.
func TestRequestChange_WritingBackChangesNothing(t *testing.T) {
	t.Parallel()
	files := map[string]string{"odd.yaml": "apiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata: {name: odd}\nspec: {text: \"\\n x\\n\", tags: [b, a], metadata: { \"n\": 1.0 }} # odd\n"}
	var names []string
	for _, p := range realprompts.Read(t) {
		if len(names) < 60 && len(p.Spec.Messages) == 0 {
			p.Namespace, p.Spec.Text = "", p.Spec.Text+"\n"
			text, err := promptcsv.YAML(&p)
			require.NoError(t, err)
			files[p.Name+".yaml"] = string(text)
			names = append(names, p.Name)
		}
	}
	d := open(t, files)
	for _, name := range append(names, "odd") {
		r, err := d.store.GetView(d.Context(), key(name), prompt.Selector{})
		require.NoError(t, err)
		was := r.Document
		text, title := strings.TrimSpace(prompt.JoinTexts(was.AsWritten())), cmp.Or(was.Title, name)
		isTemplate, file := was.Syntax != prompt.Plain, d.file(name+".yaml")
		o := d.change(update(name, store.Edit{
			Title: &title, Content: &text, Description: &was.Description, Category: &was.Category, Tags: &was.Tags, Metadata: was.Metadata, IsTemplate: &isTemplate,
		}))
		if o.State != store.ChangePublished || o.NewVersion || o.Version != 1 || d.file(name+".yaml") != file {
			t.Errorf("%s: %+v (-was +is)\n%s", name, o, gocmp.Diff(file, d.file(name+".yaml")))
		}
	}
}

// TestReservesName: a file with faults keeps the name of its prompt, so that its author finds it free once the file is
// mended.
func TestReservesName(t *testing.T) {
	t.Parallel()
	d := open(t, map[string]string{
		"any.yaml":    manifest("known", "x", "  titel: y\n"),
		"broken.yaml": "spec: \"",
		"sound.yaml":  manifest("other", "x"),
	})
	for name, want := range map[string]string{"known": "any.yaml", "broken": "broken.yaml", "sound": "", "new": ""} {
		if got := d.folder.ReservesName(key(name)); got != (want != "") {
			t.Errorf("%s is claimed: %t, want it by %q", name, got, want)
		}
		if want != "" {
			d.ends(store.ChangeRequest{Key: key(name), Action: store.ActionAdd, Edit: content("y")}, store.ChangeConflict, store.ReasonAlreadyExists, want+" is there and has faults")
		}
	}
	d.save("any.yaml", manifest("known", "mended"))
	d.soonServed("known", "mended")
}

func TestRequestChange_UpdateAndDelete(t *testing.T) {
	t.Parallel()
	d := open(t, map[string]string{
		"two.yaml":      "# head\n" + manifest("one", "1") + "---\n# second\n" + manifest("two", "2"),
		"fragment.yaml": manifest("style", "s", "  exposure: Fragment\n"), "user.yaml": manifest("user", "u{{> style}}"),
	})
	o := d.change(update("one", content("1!")))
	if o.State != store.ChangePublished || o.Version != 2 || !o.NewVersion {
		t.Errorf("update: %+v", o)
	}
	o = d.change(update("one", content("1!")))
	if o.State != store.ChangePublished || o.Version != 2 || o.NewVersion {
		t.Errorf("the same again: %+v", o)
	}
	d.change(update("style", content("S")))
	if got := d.text(key("user")); got != "uS" {
		t.Errorf("what includes the fragment is %q", got)
	}
	for _, tc := range []struct {
		request store.ChangeRequest
		state   store.ChangeState
		reason  string
		message string
	}{
		{store.ChangeRequest{Key: key("one"), Action: "Rename", Edit: content("x")}, store.ChangeRefused, store.ReasonInvalid, `action "Rename" is not one of`},
		{update("none", content("x")), store.ChangeConflict, store.ReasonNotFound, "no prompt"},
		{update("one", content("{{open")), store.ChangeRefused, store.ReasonInvalid, "{{"},
		{update("user", content("{{> user}}")), store.ChangeRefused, store.ReasonInvalid, "cycle"},
		{update("user", content("{{> nobody}}")), store.ChangeRefused, store.ReasonInvalid, "nobody"},
		{store.ChangeRequest{Key: key("one"), Action: store.ActionUpdate, Edit: content("x"), ExpectedVersion: 1}, store.ChangeConflict, store.ReasonVersionMismatch, "the newest version is 2, not 1"},
		{store.ChangeRequest{Key: key("one"), Action: store.ActionDelete, ExpectedVersion: 1}, store.ChangeConflict, store.ReasonVersionMismatch, "the newest version is 2, not 1"},
		{update("one", store.Edit{Channel: &store.ChannelEdit{Name: "beta", Version: 9}}), store.ChangeRefused, store.ReasonInvalid, "asks for version 9"},
		{update("one", store.Edit{Withdraw: 2}), store.ChangeRefused, store.ReasonInvalid, "version 2 is what the spec still says"},
	} {
		before := d.file("two.yaml")
		d.ends(tc.request, tc.state, tc.reason, tc.message)
		if after := d.file("two.yaml"); after != before {
			t.Errorf("what was refused changed the file:\n%s", after)
		}
	}
	d.change(store.ChangeRequest{Key: key("one"), Action: store.ActionDelete, ExpectedVersion: 2})
	if got := d.text(key("one")); got != gone {
		t.Errorf("deleted it is %q", got)
	}
	if diff := gocmp.Diff("# second\n"+manifest("two", "2"), d.file("two.yaml")); diff != "" {
		t.Errorf("what is left of the file (-want +got):\n%s", diff)
	}
	d.change(store.ChangeRequest{Key: key("two"), Action: store.ActionDelete})
	if _, err := os.Stat(d.path("two.yaml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
	if o := d.change(store.ChangeRequest{Key: key("one"), Action: store.ActionAdd, Edit: content("again")}); o.Version != 3 {
		t.Errorf("added again: %+v, want the number after those given out", o)
	}
}

func TestRequestChange_IdempotencyKey(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	add := store.ChangeRequest{Key: key("new"), Action: store.ActionAdd, Edit: content("x"), IdempotencyKey: "k"}
	first := d.change(add)
	again := add
	again.Key.Name = "new-12345678" // the name was taken, so the tool chose another one
	if diff := gocmp.Diff(first, d.change(again)); diff != "" {
		t.Errorf("the second time (-first +second):\n%s", diff)
	}
	other := add
	other.Edit = content("y")
	if _, err := d.request(other); !errors.Is(err, store.ErrIdempotencyKeyReused) {
		t.Errorf("another request under the key: %v", err)
	}
	add.Subject = "local:bert"
	if o := d.change(add); o.State != store.ChangeConflict {
		t.Errorf("another's key is not mine: %+v", o)
	}
	for subject, want := range map[string]int{anna: 1, "local:bert": 0} {
		got, err := d.folder.ChangeOutcomes(t.Context(), subject, []string{first.ID, "never"})
		if err != nil || len(got) != want {
			t.Errorf("%s sees %v, %v, want %d", subject, got, err, want)
		}
	}
}

func TestRequestChange_FilesOfOthers(t *testing.T) {
	t.Parallel()
	elsewhere := t.TempDir()
	d := open(t, map[string]string{"read-only.yaml": manifest("ro", "x"), "double.yaml": manifest("double", "1"), "double2.yaml": manifest("double", "2")})
	require.NoError(d, os.WriteFile(filepath.Join(elsewhere, "linked.yaml"), []byte(manifest("linked", "x")), 0o640))
	require.NoError(d, os.Chmod(filepath.Join(elsewhere, "linked.yaml"), 0o640)) // whatever the umask
	require.NoError(d, os.Symlink(filepath.Join(elsewhere, "linked.yaml"), d.path("link.yaml")))
	require.NoError(d, os.Chmod(d.path("read-only.yaml"), 0o444))
	d.soonServed("linked", "x")

	d.ends(update("ro", content("y")), store.ChangeRefused, store.ReasonOwnedElsewhere, "read-only.yaml is read-only")
	d.ends(store.ChangeRequest{Key: key("ro"), Action: store.ActionDelete}, store.ChangeRefused, store.ReasonOwnedElsewhere, "is read-only")
	d.ends(store.ChangeRequest{Key: key("double"), Action: store.ActionDelete}, store.ChangeRefused, store.ReasonInvalid, "is in two files")
	d.ends(update("linked", content("y")), store.ChangePublished, "", "")
	stat, err := os.Lstat(d.path("link.yaml"))
	require.NoError(d, err)
	target, err := os.Stat(filepath.Join(elsewhere, "linked.yaml"))
	require.NoError(d, err)
	if stat.Mode()&fs.ModeSymlink == 0 || target.Mode().Perm() != 0o640 {
		t.Errorf("the link is %v, its target %v, want a link to what has its mode 0640", stat.Mode(), target.Mode())
	}
	if got := d.file("link.yaml"); !strings.Contains(got, "text: \"y\"") && !strings.Contains(got, "text: y") {
		t.Errorf("through the link there is\n%s", got)
	}
	d.ends(store.ChangeRequest{Key: key("linked"), Action: store.ActionDelete}, store.ChangePublished, "", "")
	if _, err := os.Stat(filepath.Join(elsewhere, "linked.yaml")); err != nil {
		t.Errorf("what the link led to: %v", err)
	}
}

// TestRequestChange_KeepsSavesOfEditors lets an editor save the description while agents change the tags: what the editor
// saved last is in the file, each time.
func TestRequestChange_KeepsSavesOfEditors(t *testing.T) {
	t.Parallel()
	d := open(t, map[string]string{"greet.yaml": manifest("greet", "x")})
	const rounds = 60
	contended := 0
	for round := range rounds {
		description := fmt.Sprintf("saved in round %d", round)
		saved := manifest("greet", "x", "  description: "+description+"\n")
		var wg sync.WaitGroup
		wg.Go(func() {
			require.NoError(d, os.WriteFile(d.path("greet.yaml~"), []byte(saved), 0o600))
			require.NoError(d, os.Rename(d.path("greet.yaml~"), d.path("greet.yaml")))
		})
		tags := []string{fmt.Sprint("t", round)}
		o := d.change(update("greet", store.Edit{Tags: &tags}))
		wg.Wait()
		if o.State == store.ChangeConflict {
			contended++
		}
		if got := d.file("greet.yaml"); !strings.Contains(got, description) {
			t.Fatalf("round %d: the save is lost, the change %+v; the file is\n%s", round, o, got)
		}
	}
	t.Logf("%d of %d changes gave way to the editor", contended, rounds)
}

// TestRequestChange_TwoProcesses lets two processes change one file.
func TestRequestChange_TwoProcesses(t *testing.T) {
	t.Parallel()
	d := open(t, map[string]string{"greet.yaml": manifest("greet", "x")})
	other := d.beside()
	var wg sync.WaitGroup
	const each = 8
	for _, by := range []*harness{d, other} {
		wg.Go(func() {
			for done := 0; done < each; {
				r, err := by.store.GetView(t.Context(), key("greet"), prompt.Selector{})
				if err != nil {
					t.Error(err)
					return
				}
				tags := append(append([]string{}, r.Document.Tags...), fmt.Sprintf("%p-%d", by, done))
				request := update("greet", store.Edit{Tags: &tags})
				request.ExpectedVersion = r.Latest
				o, err := by.request(request)
				switch {
				case err != nil:
					t.Error(err)
					return
				case o.State == store.ChangePublished:
					done++
				case o.Reason != store.ReasonVersionMismatch:
					t.Errorf("%+v", o)
					return
				}
			}
		})
	}
	wg.Wait()
	for _, by := range []*harness{d, other} {
		by.soon("all tags are there", func() bool {
			r, err := by.store.GetView(t.Context(), key("greet"), prompt.Selector{})
			return err == nil && len(r.Document.Tags) == 2*each
		})
	}
}

// TestRequestChange_Suspended: what is asked is done in the file, and said not to be served.
func TestRequestChange_Suspended(t *testing.T) {
	t.Parallel()
	d := open(t, map[string]string{"greet.yaml": manifest("greet", "x")})
	d.save("greet.yaml", manifest("greet", "y", "  suspend: true\n"))
	d.soon("it was read", func() bool {
		o := d.change(update("greet", store.Edit{Description: new(time.Now().String())}))
		return o.State == store.ChangeBlocked && o.Reason == "Suspended"
	})
	if got := d.text(key("greet")); got != "x" {
		t.Errorf("served is %q, want what was live", got)
	}
}

// TestRequestChange_NullInMetadata: null is a value like others.
func TestRequestChange_NullInMetadata(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	metadata := func(action store.Action, content *string, json string) {
		t.Helper()
		d.ends(store.ChangeRequest{Key: key("new"), Action: action, Edit: store.Edit{Content: content, Metadata: []byte(json)}}, store.ChangePublished, "", "")
		r, err := d.store.GetView(t.Context(), key("new"), prompt.Selector{})
		if got := string(r.Document.Metadata); err != nil || got != json {
			t.Errorf("metadata is %s, %v, want %s", got, err, json)
		}
	}
	metadata(store.ActionAdd, new("x"), `{"a":null}`)
	metadata(store.ActionUpdate, nil, `{"b":{"c":null}}`)
	metadata(store.ActionUpdate, nil, `{"b":null}`)
}

// TestRequestChange_PinOfAnother: a channel rule that is not met is no answer to a request for something else.
func TestRequestChange_PinOfAnother(t *testing.T) {
	t.Parallel()
	d := open(t, map[string]string{"greet.yaml": manifest("greet", "one", "  channels: [{name: production, version: 9}]\n")})
	beta := func(version int64) store.ChangeRequest {
		return update("greet", store.Edit{Channel: &store.ChannelEdit{Name: "beta", Version: version}})
	}
	d.ends(beta(1), store.ChangePublished, "", "")
	d.ends(beta(8), store.ChangeRefused, store.ReasonInvalid, "channel beta asks for version 8")
}

// TestRequestChange_VersionsKeepTheirMeaning: over a restart what is pinned or withdrawn is never another text.
func TestRequestChange_VersionsKeepTheirMeaning(t *testing.T) {
	t.Parallel()
	pinned := update("greet", store.Edit{Channel: &store.ChannelEdit{Name: store.Production, Version: 2}})
	d := open(t, map[string]string{"greet.yaml": manifest("greet", "one")})
	d.change(update("greet", content("two")))
	d.ends(pinned, store.ChangePublished, "", "")
	d.ends(update("greet", store.Edit{Withdraw: 1}), store.ChangePublished, "", "")
	if _, err := d.store.Get(t.Context(), key("greet"), prompt.Selector{Version: 1}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("withdrawn it is still there: %v", err)
	}
	served := func(by *harness) string {
		v, err := by.store.Get(t.Context(), key("greet"), prompt.Selector{})
		return fmt.Sprint(v.Version, " ", by.text(key("greet")), " ", err)
	}
	if got := served(d); got != "2 two <nil>" {
		t.Errorf("before a restart: %s", got)
	}
	if got := served(d.beside()); got != "2 two <nil>" {
		t.Errorf("after a restart: %s", got)
	}
	d.change(update("greet", content("three")))
	if got := served(d); got != "2 two <nil>" {
		t.Errorf("pinned, with a newer text: %s", got)
	}
	next := d.beside()
	if got := next.text(key("greet")); got != store.ErrUnresolved.Error() {
		t.Errorf("after a restart that lost the pinned text: %s, want that it points nowhere", got)
	}
	if v, err := next.store.Get(t.Context(), key("greet"), prompt.Selector{Channel: store.Latest}); err != nil || v.Version != 3 {
		t.Errorf("the newest after it is version %d, %v, want 3: 1 and 2 were other texts", v.Version, err)
	}
	if strings.Contains(next.log.String(), "spec still says") {
		t.Errorf("the withdrawn version is taken for another one:\n%s", next.log.String())
	}
}
