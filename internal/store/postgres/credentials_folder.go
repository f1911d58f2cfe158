package postgres

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// credentials are who connects, and by which password.
type credentials struct{ user, password string }

// mountedState is the link by which a kubelet replaces all files of a mounted Secret at once.
const mountedState = "..data"

// credentialAttempts bounds how often a folder is read anew whose state went away meanwhile.
const credentialAttempts = 20

// readCredentials reads both files from one state of a folder. A kubelet writes a new state beside the one before, has the link
// lead there, and then removes the other: what was opened through the link belongs together, or is read again.
func readCredentials(folder string) (credentials, error) {
	var who credentials
	var err error
	for range credentialAttempts {
		if who, err = readCredentialsOnce(folder); err == nil || !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err != nil {
		return credentials{}, fmt.Errorf("--database-credentials-folder: %w", err)
	}
	return who, nil
}

func readCredentialsOnce(folder string) (who credentials, err error) {
	// A link that is there but leads nowhere is a state that just went away; the folder's own files would be of two states then.
	target, err := os.Readlink(filepath.Join(folder, mountedState))
	if errors.Is(err, fs.ErrNotExist) { // a folder that no kubelet mounted
		target, err = ".", nil
	}
	if err != nil {
		return credentials{}, err
	}
	state, err := os.OpenRoot(filepath.Join(folder, target))
	if err != nil {
		return credentials{}, err
	}
	defer func() { _ = state.Close() }()
	for file, into := range map[string]*string{"user": &who.user, "password": &who.password} {
		content, err := state.ReadFile(file)
		if err != nil {
			return credentials{}, err
		}
		if *into, err = trimSecret(content, filepath.Join(folder, file)); err != nil {
			return credentials{}, err
		}
	}
	return who, nil
}
