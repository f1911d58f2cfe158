package prompts_test

import (
	"encoding/json"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/lectern-dev/lectern/hack/promptcsv/realprompts"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// TestUpdatePrompt_WritesBackWhatWasRead: of every twenty-fifth real prompt what get_prompt shows is given to update_prompt, all of it,
// and nothing changes. (internal/promptobject has all of them.)
func TestUpdatePrompt_WritesBackWhatWasRead(t *testing.T) {
	t.Parallel()
	author := catalogtest.NewAuthor(t)
	var ids []string
	for _, p := range realprompts.Read(t) {
		if p.Name == "house-style" { // others include it
			author.Publish(store.Key{Namespace: "it", Name: p.Name}, promptobject.SpecOf(&p.Spec))
		}
	}
	for i, p := range realprompts.Read(t) {
		if i > 10 && i%25 != 0 || transporttest.FindLeak([]byte(p.Spec.Text)) != nil { // of which the test's server would say that we leaked it
			continue
		}
		p.Namespace = "it"
		if p.Spec.Text != "" { // as YAML's block scalars leave it
			p.Spec.Text += "\n"
		}
		author.Publish(promptobject.KeyOf(&p), promptobject.SpecOf(&p.Spec))
		ids = append(ids, p.Name)
	}
	author.RunController()
	box := connectTools(t, start(t, author, withTools(author), withChanges(author)), "/mcp/it")
	t.Logf("%d prompts", len(ids))
	var calls errgroup.Group
	calls.SetLimit(16)
	for _, id := range ids {
		calls.Go(func() error {
			shown := box.call(t, "get_prompt", `{"id":"`+id+`"}`).structured
			written := map[string]any{"id": id}
			for _, argument := range []string{"name", "content", "description", "isTemplate", "tags", "category", "metadata"} {
				if value, is := shown[argument]; is {
					written[argument] = value
				}
			}
			arguments, err := json.Marshal(written)
			if err != nil {
				return err
			}
			got := box.call(t, "update_prompt", string(arguments))
			if after := box.call(t, "get_prompt", `{"id":"`+id+`"}`).structured; got.isError || got.structured["changed"] != false || after["digest"] != shown["digest"] {
				t.Errorf("%s: %s %v", id, got.texts, got.structured)
			}
			return nil
		})
	}
	if err := calls.Wait(); err != nil {
		t.Fatal(err)
	}
}
