package testenv

import (
	"fmt"
	"os"
	"path/filepath"
)

// MountedSecret is a folder that is replaced as a kubelet replaces a mounted Secret: the new files are written into a folder of their
// own, a link is moved to it, and the folder of before goes.
type MountedSecret struct {
	Dir string

	state int
}

// NewMountedSecret returns the Secret of a folder that is there and empty.
func NewMountedSecret(dir string) *MountedSecret { return &MountedSecret{Dir: dir} }

// Replace has the files of the folder be these.
func (m *MountedSecret) Replace(files map[string][]byte) error {
	before, now := fmt.Sprintf("..state-%d", m.state), fmt.Sprintf("..state-%d", m.state+1)
	m.state++
	if err := os.Mkdir(filepath.Join(m.Dir, now), 0o755); err != nil {
		return fmt.Errorf("make the folder of a Secret: %w", err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(m.Dir, now, name), content, 0o600); err != nil {
			return fmt.Errorf("write a file of a Secret: %w", err)
		}
		link := filepath.Join(m.Dir, name)
		if _, err := os.Lstat(link); os.IsNotExist(err) {
			if err := os.Symlink(filepath.Join("..data", name), link); err != nil {
				return fmt.Errorf("link a file of a Secret: %w", err)
			}
		}
	}
	next := filepath.Join(m.Dir, "..data_tmp")
	if err := os.Symlink(now, next); err != nil {
		return fmt.Errorf("link a Secret: %w", err)
	}
	if err := os.Rename(next, filepath.Join(m.Dir, "..data")); err != nil {
		return fmt.Errorf("link a Secret: %w", err)
	}
	return os.RemoveAll(filepath.Join(m.Dir, before))
}
