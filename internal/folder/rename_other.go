//go:build !linux && !darwin

package folder

import "errors"

func swapNames(_, _ string) error { return errors.ErrUnsupported }

func renameExclusive(_, _ string) error { return errors.ErrUnsupported }
