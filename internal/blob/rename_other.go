//go:build !linux

package blob

import (
	"errors"
	"os"
)

// renameNew is of Linux only: no other system is known to tell.
func renameNew(*os.Root, string, string) error { return errors.ErrUnsupported }
