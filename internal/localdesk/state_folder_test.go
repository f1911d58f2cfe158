package localdesk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/sdp/redact"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// damageFile writes what this program would not have written.
func damageFile(t *testing.T, folder stateFolder, name, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(folder.path, name), []byte(content), 0o600))
}

// read returns the state as it is.
func (f stateFolder) read() (s state, err error) {
	err = f.update(func(now *state) (bool, error) { s = *now; return false, nil })
	return s, err
}

// TestLock_EndsWithContext: who has little time does not wait for who has the lock.
func TestLock_EndsWithContext(t *testing.T) {
	t.Parallel()
	folder := stateFolder{t.TempDir()}
	unlock, err := folder.lock(t.Context())
	require.NoError(t, err)
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = folder.updateRate(ctx, "a", func(*rateLog) { t.Error("it was changed") })
	if err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Error(err)
	}
}

func TestDefaultStateFolder(t *testing.T) {
	for name, tc := range map[string]struct{ xdg, home, want string }{
		"as XDG says":       {"/a", "/home/anna", "/a/lectern"},
		"without XDG":       {"", "/home/anna", "/home/anna/.local/state/lectern"},
		"a relative folder": {"a", "/home/anna", "/home/anna/.local/state/lectern"},
		"no home":           {"", "", ""},
	} {
		t.Setenv("XDG_STATE_HOME", tc.xdg)
		t.Setenv("HOME", tc.home)
		if got, err := DefaultStateFolder(); got != tc.want || (err == nil) != (tc.want != "") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// TestUpdate_NothingIsLost: many at once change the state, and each change is there.
func TestUpdate_NothingIsLost(t *testing.T) {
	t.Parallel()
	folder := stateFolder{filepath.Join(t.TempDir(), "of", "this", "user")}
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			err := folder.update(func(s *state) (bool, error) {
				s.keepOutcome(codeOwner{ClientID: "c"}, fmt.Sprint(i), redact.NewSecret("r"), "")
				return true, nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	s, err := folder.read()
	require.NoError(t, err)
	if len(s.Codes) != 20 || s.kept(codeOwner{}, "7").RefreshToken.Reveal() != "r" {
		t.Errorf("%d of 20 changes are there", len(s.Codes))
	}
}

// TestUpdate_Failed: an error of who changes the state writes nothing unless that was asked for, and a file that is left of a killed
// process is in nobody's way.
func TestUpdate_Failed(t *testing.T) {
	t.Parallel()
	folder := stateFolder{t.TempDir()}
	damageFile(t, folder, stateName+partSuffix, "half of a")
	require.NoError(t, folder.update(func(s *state) (bool, error) { s.markSent(codeOwner{}, "a"); return true, nil }))
	failed := errors.New("no")
	if err := folder.update(func(s *state) (bool, error) { s.markSent(codeOwner{}, "b"); return false, failed }); !errors.Is(err, failed) {
		t.Error(err)
	}
	s, err := folder.read()
	require.NoError(t, err)
	if diff := cmp.Diff(map[string]sentCode{"a": {Number: 1}}, s.Codes, cmp.AllowUnexported(sentCode{})); diff != "" {
		t.Error(diff)
	}
	left, err := os.ReadDir(folder.path)
	require.NoError(t, err)
	if len(left) != 1 {
		t.Errorf("in the folder is %v", left)
	}
}

// TestReadState_Foreign: what this program did not write is told, and left as it is.
func TestReadState_Foreign(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		prepare func(path string) error
		want    string
	}{
		"an empty file": {func(path string) error { return os.WriteFile(path, nil, 0o600) }, "is not as Lectern writes it"},
		"cut off":       {func(path string) error { return os.WriteFile(path, []byte(`{"format":1,"log`), 0o600) }, "is not as Lectern writes it"},
		"two values":    {func(path string) error { return os.WriteFile(path, []byte(`{"format":1}{}`), 0o600) }, "is not as Lectern writes it"},
		"another JSON":  {func(path string) error { return os.WriteFile(path, []byte(`{"a":1}`), 0o600) }, "is not as Lectern writes it"},
		"a newer one":   {func(path string) error { return os.WriteFile(path, []byte(`{"format":2}`), 0o600) }, "has format 2"},
		"a folder":      {func(path string) error { return os.Mkdir(path, 0o700) }, "is no regular file"},
		"a link":        {func(path string) error { return os.Symlink("/dev/null", path) }, "is no regular file"},
		"too large":     {func(path string) error { return os.WriteFile(path, make([]byte, maxState+1), 0o600) }, "is larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := stateFolder{t.TempDir()}
			path := filepath.Join(folder.path, stateName)
			require.NoError(t, tc.prepare(path))
			before, err := os.Lstat(path)
			require.NoError(t, err)
			err = folder.update(func(s *state) (bool, error) { t.Error("it was changed"); return true, nil })
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("%v, want %q", err, tc.want)
			}
			after, err := os.Lstat(path)
			if err != nil || !os.SameFile(before, after) || before.Size() != after.Size() {
				t.Errorf("it is another one: %v", err)
			}
		})
	}
}

// TestClaim: requests of all processes count, and one of a process that is gone is waited for by nobody.
func TestClaim(t *testing.T) {
	t.Parallel()
	gone := exec.CommandContext(t.Context(), "true")
	require.NoError(t, gone.Run())
	this := thisProcess()
	dead, other, elsewhere := this, this, this
	dead.PID, other.Run, elsewhere.Host = gone.Process.Pid, "another", "another"
	now := time.Now()
	fingerprint := store.FingerprintRefreshToken("c", "r")
	before := func(by processName, age time.Duration) tokenRequest {
		return tokenRequest{Fingerprint: hexOf(fingerprint), Subject: "s", StartedAt: now.Add(-age), By: by}
	}
	ended := before(this, time.Minute)
	ended.Ended = true
	for name, tc := range map[string]struct {
		earlier []tokenRequest
		want    any
	}{
		"the first":                       {nil, nil},
		"one is under way":                {[]tokenRequest{before(this, time.Second)}, &store.TokenRequestUnderWayError{}},
		"one of another machine":          {[]tokenRequest{before(elsewhere, time.Second)}, &store.TokenRequestUnderWayError{}},
		"one of a process that was ended": {[]tokenRequest{before(dead, time.Second)}, nil},
		"one of a number that is reused":  {[]tokenRequest{before(other, time.Second)}, nil},
		"seven":                           {repeat(ended, 7), nil},
		"eight":                           {repeat(ended, 8), &store.TokenBudgetError{}},
		"eight of killed processes":       {repeat(before(dead, time.Second), 8), &store.TokenBudgetError{}},
		"eight a while ago":               {repeat(before(dead, store.TokenRequestWindow+time.Second), 8), nil},
		"eight of a clock that was ahead": {repeat(before(dead, -time.Hour), 8), &store.TokenBudgetError{}},
	} {
		s := state{Requests: tc.earlier}
		s.prune(now)
		asked := before(this, 0)
		err := s.claim(asked, store.TokenClaim{UID: "s", Kind: store.TokenRefresh, Cause: store.CauseScheduled, Fingerprint: fingerprint, At: now})
		if got, want := fmt.Sprintf("%T", err), fmt.Sprintf("%T", tc.want); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
		if err == nil && len(s.Requests) == 0 {
			t.Errorf("%s: it is not written down", name)
		}
	}
}

func repeat(r tokenRequest, n int) (all []tokenRequest) {
	for range n {
		all = append(all, r)
	}
	return all
}

// TestKeepToken: a late answer replaces nothing.
func TestKeepToken(t *testing.T) {
	t.Parallel()
	fingerprint := store.FingerprintRefreshToken("c", "r")
	now := time.Now().UTC()
	var s state
	s.keepToken(fingerprint, keptToken{ID: "new", Access: "a", IssuedAt: now, ExpiresAt: now.Add(time.Hour)}, "")
	s.keepToken(fingerprint, keptToken{ID: "late", Access: "b", IssuedAt: now.Add(-time.Second), ExpiresAt: now.Add(time.Hour)}, "another")
	token, access := s.token(fingerprint)
	if token.ID != "new" || access.Reveal() != "a" {
		t.Errorf("there is %s", token.ID)
	}
	s.keepToken(fingerprint, keptToken{ID: "of a clock that is ahead", Access: "c", IssuedAt: now.Add(time.Hour), ExpiresAt: now.Add(time.Hour)}, "new")
	s.keepToken(fingerprint, keptToken{ID: "its replacement", Access: "d", IssuedAt: now, ExpiresAt: now.Add(time.Hour)}, "of a clock that is ahead")
	if token, _ = s.token(fingerprint); token.ID != "its replacement" {
		t.Errorf("there is %s", token.ID)
	}
	s.prune(now.Add(time.Hour + tokenAfterlife + time.Second))
	if token, _ := s.token(fingerprint); token != nil {
		t.Error("an old token stays for ever")
	}
}
