package folder_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/store"
)

// TestRequestChange_Additions: what is added is served at once, what waits for a prompt of its name is looked at again, and
// what is done to it later counts.
func TestRequestChange_Additions(t *testing.T) {
	t.Parallel()
	d := open(t, map[string]string{"user.yaml": manifest("user", "u{{> style}}")})
	add := func(name, text string) {
		t.Helper()
		d.ends(store.ChangeRequest{Key: key(name), Action: store.ActionAdd, Edit: content(text)}, store.ChangePublished, "", "")
		if got := d.text(key(name)); got != text {
			t.Errorf("%s is served as %q", name, got)
		}
	}
	add("style", "S")
	if first, _ := d.folder.Faults(1); len(first) != 1 || !strings.Contains(first[0], "includes a prompt whose syntax is Plain") {
		t.Errorf("of what includes the new prompt it is said: %q", first)
	}
	d.save("user.yaml", manifest("user", "u"))
	d.soon("there are no faults any more", func() bool { _, total := d.folder.Faults(9); return total == 0 })
	for i := range 20 {
		add(fmt.Sprint("more-", i), fmt.Sprint("text ", i))
	}
	d.ends(store.ChangeRequest{Key: key("more-1"), Action: store.ActionAdd, Edit: content("x")}, store.ChangeConflict, store.ReasonAlreadyExists, "there already")
	d.ends(update("more-2", content("changed")), store.ChangePublished, "", "")
	d.ends(store.ChangeRequest{Key: key("more-3"), Action: store.ActionDelete}, store.ChangePublished, "", "")
	d.save("more-4.yaml", manifest("more-4", "saved"))
	d.remove("more-5.yaml")
	d.soonServed("more-4", "saved")
	d.soonServed("more-5", gone)
	for name, text := range map[string]string{"more-1": "text 1", "more-2": "changed", "more-3": gone, "more-19": "text 19"} {
		if got := d.text(key(name)); got != text {
			t.Errorf("%s is served as %q, want %q", name, got, text)
		}
	}
}
