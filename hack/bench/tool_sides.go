package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/hack/promptcsv"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/bulk"
)

// openToolSides starts a server of each kind on the same prompts. What it returns to be done at the end is never nil.
func (b *bench) openToolSides(ctx context.Context) (sides []*toolSide, done func(), err error) {
	var opened []func()
	done = func() {
		for _, end := range opened {
			end()
		}
	}
	set := bulk.Set{Prompts: asked, Words: 150}
	ids := make([]string, asked)
	for i := range ids {
		ids[i] = set.Key(i).String()
	}
	binaries := []struct{ binary, postgres, folder string }{{b.stack.Binary, onPostgres, onFolder}}
	if b.old != "" {
		binaries = append(binaries, struct{ binary, postgres, folder string }{b.old, oldOnPostgres, oldOnFolder})
	}
	for _, one := range binaries {
		l, err := b.openLibraryOf(ctx, one.binary, asked, smallestCatalog)
		if err != nil {
			return nil, done, err
		}
		opened = append(opened, func() { b.closeLibrary(l) })
		sides = append(sides, &toolSide{name: one.postgres, address: l.address, pid: l.pid, postgres: true, ids: ids})
	}
	for _, one := range binaries {
		side, err := b.startFolderSide(ctx, set, one.binary, one.folder)
		if err != nil {
			return nil, done, err
		}
		side.ids = ids
		opened = append(opened, func() { b.stack.Terminate(side.name) })
		sides = append(sides, side)
	}
	files, err := b.startFileSide(ctx, set)
	if err != nil {
		return nil, done, err
	}
	opened = append(opened, func() { b.stack.Terminate(files.name) })
	return append(sides, files), done, nil
}

// startFolderSide writes the prompts as manifests and serves them.
func (b *bench) startFolderSide(ctx context.Context, set bulk.Set, binary, name string) (*toolSide, error) {
	root := filepath.Join(b.stack.Dir, strings.ReplaceAll(name, " ", "-"))
	byNamespace := map[string][]v1alpha1.Prompt{}
	for i := range set.Prompts {
		p := set.Object(i)
		byNamespace[p.Namespace] = append(byNamespace[p.Namespace], p)
	}
	for namespace, prompts := range byNamespace {
		dir := filepath.Join(root, namespace)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		if err := promptcsv.WriteFiles(dir, prompts); err != nil {
			return nil, err
		}
	}
	var ports [2]int
	for i := range ports {
		var err error
		if ports[i], err = testenv.FreePort(); err != nil {
			return nil, err
		}
	}
	side := &toolSide{name: name, address: fmt.Sprintf("127.0.0.1:%d", ports[0])}
	err := b.stack.StartProcess(ctx, testenv.Process{
		Name: name, Path: binary, Ready: fmt.Sprintf("http://127.0.0.1:%d/readyz", ports[1]),
		Args: []string{"server", "--prompts=" + root, "--address=" + side.address, fmt.Sprintf("--metrics-address=127.0.0.1:%d", ports[1])},
	})
	if err != nil {
		return nil, err
	}
	side.pid = b.stack.Pid(name)
	return side, nil
}

// startFileSide writes the prompts as JSON and serves them by a program as people write for themselves.
func (b *bench) startFileSide(ctx context.Context, set bulk.Set) (*toolSide, error) {
	files := fileStore{folder: filepath.Join(b.stack.Dir, jsonFiles)}
	side := &toolSide{name: jsonFiles}
	for i := range set.Prompts {
		p := set.Object(i)
		added, err := files.add(filePrompt{
			Name: p.Spec.Title, Content: p.Spec.Text, Description: p.Spec.Description, IsTemplate: true,
			Tags: p.Spec.Tags, Category: p.Spec.Category, Metadata: map[string]any{"team": "service desk"},
		})
		if err != nil {
			return nil, err
		}
		side.ids = append(side.ids, added.ID)
	}
	c, err := b.startContestant(ctx, jsonFiles, jsonFiles, files.folder, load{})
	if err != nil {
		return nil, err
	}
	side.address, side.pid = c.load.address, c.pid
	return side, nil
}
