package promptcsv

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/yaml"

	"github.com/lectern-dev/lectern/api/v1alpha1"
)

// YAML returns a prompt as a manifest: what people write, so without status. It is an error when reading
// it would give another prompt, which a few characters bring about (U+0085 among them).
func YAML(p *v1alpha1.Prompt) ([]byte, error) {
	written, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("write prompt %s: %w", p.Name, err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(written, &fields); err != nil {
		return nil, fmt.Errorf("write prompt %s: %w", p.Name, err)
	}
	delete(fields, "status")
	text, err := yaml.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("write prompt %s: %w", p.Name, err)
	}
	var read v1alpha1.Prompt
	if err := yaml.UnmarshalStrict(text, &read); err != nil {
		return nil, fmt.Errorf("write prompt %s: read it back: %w", p.Name, err)
	}
	if !equality.Semantic.DeepEqual(p, &read) {
		return nil, fmt.Errorf("write prompt %s: as YAML it would not read back unchanged; write it by hand", p.Name)
	}
	return text, nil
}

// Write writes all prompts as one stream of YAML documents.
func Write(w io.Writer, prompts []v1alpha1.Prompt) error {
	for i := range prompts {
		text, err := YAML(&prompts[i])
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "---\n%s", text); err != nil {
			return fmt.Errorf("write prompt %s: %w", prompts[i].Name, err)
		}
	}
	return nil
}

// WriteFiles writes each prompt into a file of its own in a folder that is there, as people keep them.
func WriteFiles(folder string, prompts []v1alpha1.Prompt) error {
	for i := range prompts {
		text, err := YAML(&prompts[i])
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, prompts[i].Name+".yaml"), text, 0o644); err != nil { // for others to apply
			return fmt.Errorf("write prompt %s: %w", prompts[i].Name, err)
		}
	}
	return nil
}
