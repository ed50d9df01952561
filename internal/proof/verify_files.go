package proof

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// maxEntries is how many files below a directory are looked at.
const maxEntries = 1_000_000

// fileIndex is what files there are. Only regular ones count: what is behind a
// link, a device or a pipe is not part of an export.
type fileIndex struct {
	fs     fs.FS
	size   map[string]int64
	byBase map[string][]string // in the order of the walk
	bySize map[int64][]string
	sums   map[string]string // SHA-256 in hex of those that were read for it
}

func findFiles(fsys fs.FS) (*fileIndex, error) {
	x := &fileIndex{
		fs:     fsys,
		size:   make(map[string]int64),
		byBase: make(map[string][]string),
		bySize: make(map[int64][]string),
		sums:   make(map[string]string),
	}
	entries := 0
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entries++; entries > maxEntries {
			return faultf(Unverifiable, "", "there are more than %d files", maxEntries)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		x.size[name] = info.Size()
		x.byBase[path.Base(name)] = append(x.byBase[path.Base(name)], name)
		x.bySize[info.Size()] = append(x.bySize[info.Size()], name)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list files: %w", err)
	}
	return x, nil
}

// named returns the file of that key: the one in the folder, or one of its name
// elsewhere; "" if there is none.
func (x *fileIndex) named(folder, key string) string {
	base := path.Base(key)
	if name := path.Join(folder, base); fs.ValidPath(name) {
		if _, ok := x.size[name]; ok {
			return name
		}
	}
	if found := x.byBase[base]; len(found) > 0 {
		return found[0]
	}
	return ""
}

// equal returns a file of that size and SHA-256; "" if there is none.
func (x *fileIndex) equal(size int64, sum string) (string, error) {
	for _, name := range x.bySize[size] {
		got, err := x.sum(name)
		if err != nil {
			return "", err
		}
		if got == sum {
			return name, nil
		}
	}
	return "", nil
}

// sum returns the SHA-256 of a file in hex.
func (x *fileIndex) sum(name string) (string, error) {
	if s, ok := x.sums[name]; ok {
		return s, nil
	}
	f, err := openRegular(x.fs, name)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	x.sums[name] = hex.EncodeToString(h.Sum(nil))
	return x.sums[name], nil
}

// inFolder returns the names of the files in a folder whose base name begins
// with the prefix, sorted.
func (x *fileIndex) inFolder(folder, prefix string) []string {
	var names []string
	for name := range x.size {
		if path.Dir(name) == folder && strings.HasPrefix(path.Base(name), prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// openRegular opens a file, unless it is something else than a file.
func openRegular(fsys fs.FS, name string) (fs.File, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, faultf(Unverifiable, name, "it is not a file")
	}
	return fsys.Open(name)
}
