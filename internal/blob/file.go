package blob

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// fileBucket is a directory. It stays within the operator's directory whatever
// names and symbolic links say ([os.Root]).
type fileBucket struct {
	Config
	root *os.Root                                     // the operator's directory
	ways []func(root *os.Root, from, to string) error // to give a file another name
	dir  string                                       // of the bucket, below root, with slashes; "." is root
}

func openFile(c Config) (Bucket, error) {
	if !filepath.IsAbs(c.Bucket) {
		return nil, fmt.Errorf("open bucket: the directory is not absolute: %w", ErrAddress)
	}
	for _, allowed := range c.Directories {
		rel, err := filepath.Rel(allowed, c.Bucket)
		if err != nil || !filepath.IsAbs(allowed) || !filepath.IsLocal(rel) {
			continue
		}
		root, err := os.OpenRoot(allowed)
		if err != nil {
			return nil, fileFault("open bucket", err)
		}
		return &fileBucket{Config: c, root: root, ways: fileWays, dir: filepath.ToSlash(rel)}, nil
	}
	return nil, fmt.Errorf("open bucket: the directory is not below one that the operator named: %w", ErrAddress)
}

// fileFault returns the error of an operation on the disk. What is missing can
// only be the operator's directory: everything below is made when needed.
func fileFault(op string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%s: %w: %w", op, ErrFull, err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%s: %w: %w", op, ErrDenied, err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w: %w", op, ErrNotFound, err)
	}
	return fmt.Errorf("%s: %w", op, err)
}

// tempName returns the name of a file that is being written. It tells whose it
// is, for Sweep.
func (b *fileBucket) tempName() string { return b.tempPrefix() + rand.Text() + tempSuffix }

const tempSuffix = ".tmp"

func (b *fileBucket) tempPrefix() string {
	sum := sha256.Sum256([]byte(b.Owner))
	return ".scaivault-" + hex.EncodeToString(sum[:8]) + "-"
}

// Check makes a file in the deepest directory of the bucket that exists, gives
// it another name as Commit does, and removes it.
func (b *fileBucket) Check(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	dir := path.Join(b.dir, b.Prefix)
	for dir != "." {
		info, err := b.root.Stat(dir)
		if err == nil && !info.IsDir() {
			return errors.New("check directory: a file is in its place")
		}
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return fileFault("check directory", err)
		}
		dir = path.Dir(dir)
	}
	name := path.Join(dir, b.tempName())
	f, err := b.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return fileFault("check directory", err)
	}
	if err := f.Close(); err != nil {
		return fileFault("check directory", errors.Join(err, b.root.Remove(name)))
	}
	last := path.Join(dir, b.tempName())
	err = b.place(name, last)
	for _, left := range []string{name, last} {
		if gone := b.root.Remove(left); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return fileFault("check directory", err)
}

// Taken reports whether there is a file.
func (b *fileBucket) Taken(_ context.Context, key string) (bool, error) {
	if err := checkKey(key); err != nil {
		return false, fmt.Errorf("look for object: %w", err)
	}
	_, err := b.root.Lstat(path.Join(b.dir, key))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, fileFault("look for object", err)
}

// place gives a file another name in its directory, unless something has that;
// then the error is [fs.ErrExist]. It may keep the first name too.
func (b *fileBucket) place(from, to string) error {
	var tried []error
	for _, way := range b.ways {
		err := way(b.root, from, to)
		if err == nil || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
			return err
		}
		tried = append(tried, err)
	}
	return fmt.Errorf("no way to name a file without replacing another works here: %w", errors.Join(tried...))
}

// fileWays are a second name, and, since FAT and some network file systems have
// none of these (which they say in several ways), a rename that replaces nothing.
var fileWays = []func(root *os.Root, from, to string) error{
	func(root *os.Root, from, to string) error { return root.Link(from, to) },
	renameNew,
}

// Sweep removes the files below the prefix that this owner has not finished;
// none of its uploads may be running.
func (b *fileBucket) Sweep(ctx context.Context, prefix string) error {
	prefix, err := folder(prefix)
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	top := path.Join(b.dir, prefix)
	err = fs.WalkDir(b.root.FS(), top, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		}
		base := path.Base(name)
		if !d.Type().IsRegular() || !strings.HasPrefix(base, b.tempPrefix()) || path.Ext(base) != tempSuffix {
			return nil
		}
		b.Logger.Info("unfinished file removed", "name", name)
		return b.root.Remove(name)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fileFault("sweep", err)
}

// Close lets go of the directory.
func (b *fileBucket) Close() error { return b.root.Close() }
