package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/scaivault/audit/internal/source"
)

// packedSuffixes end the names of compressed files that can be read.
var packedSuffixes = []string{".gz", ".zst"}

// unpackedSuffix ends the name that a decompressed file has for a moment.
const unpackedSuffix = ".unpacked"

// maxWritten is later than any file was written.
var maxWritten = time.Unix(1<<62, 0)

// packedFile is a compressed file that a rotation has left.
type packedFile struct {
	name    string
	size    int64
	written time.Time
}

// packedSiblings returns the compressed files beside path, those written first at the
// beginning. One that is being made is not among them: what it is made of is there.
func packedSiblings(path string) ([]packedFile, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	var list []packedFile
	for _, e := range entries {
		name := filepath.Join(filepath.Dir(path), e.Name())
		i := slices.IndexFunc(packedSuffixes, func(s string) bool { return strings.HasSuffix(name, s) })
		if i < 0 || !strings.HasPrefix(e.Name(), filepath.Base(path)) || e.Name() == filepath.Base(path) {
			continue
		}
		if _, err := os.Lstat(strings.TrimSuffix(name, packedSuffixes[i])); err == nil {
			continue
		}
		// It may be gone already.
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
			list = append(list, packedFile{name, info.Size(), info.ModTime()})
		}
	}
	slices.SortFunc(list, func(a, b packedFile) int { return a.written.Compare(b.written) })
	return list, nil
}

// head returns the first headBytes of what is compressed, or all of it.
func (p packedFile) head() ([]byte, error) {
	file, err := os.Open(p.name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	u := &unpacker{in: file}
	defer u.release()
	head := make([]byte, headBytes)
	n, err := io.ReadFull(u, head)
	if errors.Is(err, io.ErrUnexpectedEOF) && n > 0 || errors.Is(err, io.EOF) {
		err = nil
	}
	return head[:n], err
}

// unpack returns what is compressed as a file that has no name any more, and the time
// at which it was written. Beside is the name that it has for a moment.
func (p packedFile) unpack(beside string) (*os.File, error) {
	in, err := os.Open(p.name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	u := &unpacker{in: in}
	defer u.release()
	name := beside + unpackedSuffix
	out, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err = io.Copy(out, u); err == nil {
		err = os.Chtimes(name, p.written, p.written)
	}
	if err = errors.Join(err, os.Remove(name)); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	return out, nil
}

// wasRead reports whether the file that begins so was read, or is being read, before it
// was compressed.
func (f *follower) wasRead(head []byte) bool {
	same := func(id fileID) bool { return id.HeadSize == len(head) && id.Head == hashText(head) }
	return slices.ContainsFunc(f.state.Done, same) || slices.ContainsFunc(f.files, func(p *place) bool {
		id, err := identify(p.File)
		return err == nil && same(id)
	})
}

// packedPlace returns the compressed file in which the last run has ended, nil if there
// is none: it is known by its first bytes and by those before the position.
func (f *follower) packedPlace() (*os.File, error) {
	id := f.state.File
	list, err := packedSiblings(f.path)
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		head, err := p.head()
		if err != nil || f.wasRead(head) || len(head) < id.HeadSize || hashText(head[:id.HeadSize]) != id.Head {
			continue
		}
		file, err := p.unpack(f.stateName)
		if err != nil {
			continue // what is missing is told by whoever finds no other
		}
		mark, err := markOf(file, f.state.Offset)
		if err == nil && mark == f.state.Mark {
			return file, nil
		}
		file.Close()
	}
	return nil, nil
}

// nextPacked returns the first of the compressed files that were written after one time
// and before another and were not read, decompressed; nil if there is none. What cannot
// be read of them is on record.
func (f *follower) nextPacked(after, before time.Time) (*os.File, error) {
	list, err := packedSiblings(f.path)
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		if p.written.Before(after) || p.written.After(before) || f.unreadable[p] {
			continue
		}
		head, err := p.head()
		if err == nil && (len(head) == 0 || f.wasRead(head)) {
			continue
		}
		var file *os.File
		if err == nil {
			file, err = p.unpack(f.stateName)
		}
		switch {
		case err == nil:
			return file, nil
		case errors.Is(err, fs.ErrNotExist): // renamed since, or removed
			continue
		}
		f.tell(p.name + ": " + err.Error() + "; an audit_gap event says so")
		f.gap("unreadable_file", fileID{}, 0, "", source.Fact{Name: "packed", Value: p.name}, source.Fact{Name: "size", Value: p.size})
		if err := f.store(); err != nil {
			return nil, err
		}
		if f.unreadable == nil {
			f.unreadable = make(map[packedFile]bool)
		}
		f.unreadable[p] = true
	}
	return nil, nil
}

// finishPacked remembers the compressed files that are there as read.
func (f *follower) finishPacked() error {
	list, err := packedSiblings(f.path)
	for _, p := range list {
		if head, err := p.head(); err == nil {
			f.state.finish(fileID{HeadSize: len(head), Head: hashText(head)})
		}
	}
	return err
}
