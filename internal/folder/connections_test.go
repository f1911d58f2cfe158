package folder_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/lectern-dev/lectern/api/v1alpha1"
)

func connectionManifest(name, dataCenter string) string {
	return fmt.Sprintf("apiVersion: lectern.dev/v1alpha1\nkind: SDPConnection\nmetadata: {name: %s}\nspec: {edition: Cloud, dataCenter: %s, credentials: {secretName: a}}\n", name, dataCenter)
}

// usedConnections are those that a folder told of last, as name@data center.
type usedConnections struct {
	mu   sync.Mutex
	last string
}

func (u *usedConnections) use(all []*v1alpha1.SDPConnection) {
	var names []string
	for _, c := range all {
		names = append(names, c.Namespace+"/"+c.Name+"@"+string(c.Spec.DataCenter))
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.last = strings.Join(names, " ")
}

func (u *usedConnections) list() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.last
}

// TestUseConnections: connections come, change and go with their files, and what became invalid stays as it was.
func TestUseConnections(t *testing.T) {
	t.Parallel()
	d := open(t, map[string]string{"desk.yaml": connectionManifest("desk", "EU"), "user.yaml": manifest("user", "u")})
	var used usedConnections
	d.folder.UseConnections(used.use)
	soon := func(want string) {
		t.Helper()
		d.soon("there are "+want, func() bool { return used.list() == want })
	}
	soon("default/desk@EU")
	d.save("desk.yaml", connectionManifest("desk", "US"))
	soon("default/desk@US")
	d.save("desk.yaml", connectionManifest("desk", "MARS"))
	d.soon("the fault is told", func() bool {
		first, _ := d.folder.Faults(9)
		said := strings.Join(first, " ")
		return strings.Contains(said, "desk.yaml:4:") && strings.Contains(said, "what connection default/desk was before them stays")
	})
	soon("default/desk@US")
	d.save("second.yaml", connectionManifest("second", "IN"))
	soon("default/desk@US default/second@IN")
	d.save("desk.yaml", connectionManifest("desk", "EU")+"---\n"+connectionManifest("third", "JP"))
	soon("default/desk@EU default/second@IN default/third@JP")
	d.save("a.yaml", connectionManifest("second", "AU"))
	d.soon("the second one of a name is told", func() bool {
		first, _ := d.folder.Faults(9)
		return strings.Contains(strings.Join(first, " "), "connection default/second is here a second time")
	})
	soon("default/desk@EU default/second@IN default/third@JP")
	d.remove("second.yaml")
	soon("default/desk@EU default/second@AU default/third@JP")
	d.remove("desk.yaml")
	soon("default/second@AU")
	d.remove("a.yaml")
	soon("")
	if got := d.text(key("user")); got != "u" {
		t.Errorf("the prompt beside them is served as %q", got)
	}
}

// TestUseConnections_Moved: a file that is renamed takes nothing away.
func TestUseConnections_Moved(t *testing.T) {
	t.Parallel()
	d := open(t, map[string]string{"desk.yaml": connectionManifest("desk", "EU")})
	var used usedConnections
	d.folder.UseConnections(func(all []*v1alpha1.SDPConnection) {
		if used.use(all); len(all) == 0 {
			t.Error("it was gone")
		}
	})
	d.save("moved.yaml", connectionManifest("desk", "US"))
	d.remove("desk.yaml")
	d.soon("it is the moved one", func() bool { return used.list() == "default/desk@US" })
}
