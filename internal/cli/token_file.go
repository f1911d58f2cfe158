package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// maxTokenFile bounds a file with a token, in bytes.
const maxTokenFile = 64 << 10

// readToken returns the token in a file, without the white space around it. No error quotes the file, nor a token in place of its
// path.
func readToken(name string) (string, error) {
	file, err := os.Open(filepath.Clean(name))
	if err != nil && isTokenLike(name) {
		return "", errors.New("--token-file is the path of a file with the token, and not the token itself")
	}
	if err != nil {
		return "", fmt.Errorf("read --token-file: %w", err)
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, maxTokenFile+1))
	if err != nil {
		return "", fmt.Errorf("read --token-file: %w", err)
	}
	token := strings.TrimSpace(string(content))
	switch {
	case len(content) > maxTokenFile:
		return "", fmt.Errorf("--token-file %s is longer than %d bytes: it must hold a token and nothing else", name, maxTokenFile)
	case token == "":
		return "", fmt.Errorf("--token-file %s is empty: it must hold a token", name)
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", fmt.Errorf("--token-file %s holds more than a token: white space or characters that are not ASCII", name)
	}
	return token, nil
}

// isTokenLike reports whether a text begins as a JSON Web Token does, or is longer than the name of a file can be.
func isTokenLike(text string) bool {
	return strings.HasPrefix(text, "eyJ") || len(filepath.Base(text)) > 255
}
