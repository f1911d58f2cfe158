package chart

import (
	"encoding/json"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var environmentName = regexp.MustCompile(`^LECTERN_[A-Z_]+$`)

// TestRender_ArgumentsAreUnderstood has the binary parse the arguments of every container of its own, and have a flag for
// each of its variables.
func TestRender_ArgumentsAreUnderstood(t *testing.T) {
	t.Parallel()
	commands := map[string]bool{}
	for name, text := range renders(t) {
		for _, object := range parseObjects(t, text) {
			for _, c := range containers(podTemplate(object)) {
				if len(c.Args) == 0 || !slices.Contains([]string{"connect", "controller", "migrate", "release", "server"}, c.Args[0]) {
					continue
				}
				commands[c.Args[0]] = true
				// Help is asked for last: what comes before it is parsed first.
				help, err := run(exec.CommandContext(t.Context(), binary, append(slices.Clone(c.Args), "--help")...))
				if err != nil {
					t.Errorf("%s: %s %s: %v", name, object.GetKind(), object.GetName(), err)
					continue
				}
				for _, e := range c.Env {
					flag := "--" + strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(e.Name, "LECTERN_"), "_", "-"))
					if environmentName.MatchString(e.Name) && !strings.Contains(help, flag+" ") && !strings.Contains(help, flag+"[") {
						t.Errorf("%s: %s %s: lectern %s has no flag for %s", name, object.GetKind(), object.GetName(), c.Args[0], e.Name)
					}
				}
			}
		}
	}
	for _, command := range []string{"connect", "controller", "release", "server"} {
		if !commands[command] {
			t.Errorf("nothing runs lectern %s: %v", command, commands)
		}
	}
}

type container struct {
	Image string
	Args  []string
	Env   []struct{ Name, Value string }
}

// containers returns those of a pod, if there is one.
func containers(pod map[string]any) []container {
	var spec struct {
		Spec struct{ Containers, InitContainers []container }
	}
	content, _ := json.Marshal(pod)
	_ = json.Unmarshal(content, &spec)
	return append(spec.Spec.InitContainers, spec.Spec.Containers...)
}
