package blob

import (
	"errors"
	"fmt"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// renameNew renames a file within its directory, unless something has the new
// name; then the error is [fs.ErrExist]. A file system that cannot do this as
// one step is an [errors.ErrUnsupported].
func renameNew(root *os.Root, from, to string) error {
	dir, err := root.Open(path.Dir(from)) // symbolic links end here, and do not lead out of root
	if err != nil {
		return err
	}
	defer dir.Close()
	fd := int(dir.Fd())
	err = unix.Renameat2(fd, path.Base(from), fd, path.Base(to), unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) { // the flag is not known there
		err = fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	if err != nil {
		return fmt.Errorf("rename %s: %w", from, err)
	}
	return nil
}
