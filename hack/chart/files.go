package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

// copies say which files are in a chart as they are, and in which folder there. A pattern has to match something.
var copies = []struct{ pattern, folder string }{
	{"config/crd/lectern.dev_*.yaml", "charts/lectern/files/crds"},
	{"config/policies/channels/[pb]*.yaml", "charts/lectern/files/policies/channels"},
	{"config/policies/erasure/[pb]*.yaml", "charts/lectern/files/policies/erasure"},
	{"config/policies/finalizer/[pb]*.yaml", "charts/lectern/files/policies/finalizer"},
	{"config/monitoring/alerts.yaml", "charts/lectern/files/monitoring"},
	{"config/monitoring/dashboard.json", "charts/lectern/files/monitoring"},
	{"config/samples/*.yaml", "charts/lectern-samples/files/prompts"},
	{"config/samples/servicedesk/*.yaml", "charts/lectern-samples/files/servicedesk"},
	{"internal/store/postgres/roles.sql", "charts/lectern/files/postgres"},
}

// sharedRoles are those that all installations of a cluster have in common.
var sharedRoles = []string{"view", "edit", "admin", "agent", "technician", "promoter"}

// ruleLists say which rules of which role make a file of the chart.
var ruleLists = []struct {
	from, kind, to string
	includes       func(rbacv1.PolicyRule) bool
}{
	{"config/rbac/role.yaml", "ClusterRole", "charts/lectern/files/rbac/controller-rules.yaml", isOfCluster},
	{"config/rbac/role.yaml", "ClusterRole", "charts/lectern/files/rbac/controller-watched-rules.yaml", isOfWatched},
	{"config/rbac/role.yaml", "Role", "charts/lectern/files/rbac/controller-namespace-rules.yaml", isAny},
	{"config/rbac/connections_role.yaml", "ClusterRole", "charts/lectern/files/rbac/controller-connections-rules.yaml", isAny},
	{"config/rbac/server_role.yaml", "ClusterRole", "charts/lectern/files/rbac/server-rules.yaml", isAny},
}

func isAny(rbacv1.PolicyRule) bool { return true }

// isOfWatched says whether a rule is about what is in the namespaces that a controller watches.
func isOfWatched(r rbacv1.PolicyRule) bool {
	return slices.Contains([]string{"lectern.dev", "events.k8s.io"}, r.APIGroups[0])
}

// isOfCluster says whether a rule has nothing to do with namespaces. What `lectern release` alone asks for is not among
// them: the chart runs that with an account of its own.
func isOfCluster(r rbacv1.PolicyRule) bool {
	return !isOfWatched(r) && r.APIGroups[0] != "admissionregistration.k8s.io"
}

// readFiles returns the charts' generated files by their paths in the repository, which it reads.
func readFiles(repository fs.FS) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, c := range copies {
		names, err := fs.Glob(repository, c.pattern)
		if err != nil {
			return nil, err
		}
		if len(names) == 0 {
			return nil, fmt.Errorf("there is no file %s", c.pattern)
		}
		for _, name := range names {
			if err := copyFile(files, repository, name, path.Join(c.folder, path.Base(name))); err != nil {
				return nil, err
			}
		}
	}
	for _, role := range sharedRoles {
		if err := copyFile(files, repository, "config/rbac/"+role+"_role.yaml", "charts/lectern/files/roles/"+role+".yaml"); err != nil {
			return nil, err
		}
	}
	for _, l := range ruleLists {
		text, err := fs.ReadFile(repository, l.from)
		if err != nil {
			return nil, err
		}
		rules, err := readRules(text, l.kind, l.includes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.from, err)
		}
		files[l.to] = append(makeHeader(l.from), rules...)
	}
	return files, nil
}

// copyFile takes a file over; one in YAML says where it is from.
func copyFile(files map[string][]byte, repository fs.FS, from, to string) error {
	content, err := fs.ReadFile(repository, from)
	if err != nil {
		return err
	}
	if path.Ext(from) == ".yaml" && !strings.HasPrefix(from, "config/samples/") { // a sample begins as its author wrote it
		content = append(makeHeader(from), bytes.TrimPrefix(content, []byte("---\n"))...)
	}
	files[to] = content
	return nil
}

func makeHeader(from string) []byte {
	return []byte("# Written by `go run ./hack/chart` from " + from + "; change that.\n")
}

// readRules returns rules of the only role of a kind among the documents of a file, as a YAML list.
func readRules(text []byte, kind string, includes func(rbacv1.PolicyRule) bool) ([]byte, error) {
	var found []rbacv1.ClusterRole // whose fields Role has, too
	for document := range strings.SplitSeq(string(text), "\n---\n") {
		var role rbacv1.ClusterRole
		if err := yaml.Unmarshal([]byte(document), &role); err != nil {
			return nil, err
		}
		if role.Kind == kind {
			found = append(found, role)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%d documents are of kind %s; want one", len(found), kind)
	}
	rules := slices.DeleteFunc(found[0].Rules, func(r rbacv1.PolicyRule) bool { return !includes(r) })
	if len(rules) == 0 {
		return nil, errors.New(kind + " has no such rules")
	}
	return yaml.Marshal(rules)
}
