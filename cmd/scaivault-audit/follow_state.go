package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/scaivault/audit/internal/vfs"
)

// followState says how far a file was followed. It is replaced atomically and
// durably, so a kill or a power cut leaves the old or the new one.
type followState struct {
	Version int    `json:"version"`
	File    fileID `json:"file"`
	Offset  int64  `json:"offset"` // all lines before it are in the log
	Mark    string `json:"mark"`   // see markOf
	// Sending is where the batch ends that is being sent. After a crash exactly
	// that batch is sent again: the log knows it by its key. 0 if there is none.
	Sending int64 `json:"sending,omitempty"`
	// Done are the files beside it that were read to their end, or that were
	// there before the first start.
	Done []fileID `json:"done,omitempty"`
}

const followVersion = 1

// maxDone bounds the files that are remembered; the oldest are long removed.
const maxDone = 64

// readState returns the state in a file, nil if there is none.
func readState(name string) (*followState, error) {
	text, err := vfs.ReadFile(vfs.OS{}, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var s followState
	if err := json.Unmarshal(text, &s); err != nil || s.Version != followVersion {
		return nil, fmt.Errorf("state %s: not of this version; remove it to read the file from its start", name)
	}
	return &s, nil
}

func (s *followState) write(name string) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return vfs.WriteFile(vfs.OS{}, name, text)
}

// finished reports whether a file was read to its end.
func (s *followState) finished(f *os.File) bool {
	return slices.ContainsFunc(s.Done, func(id fileID) bool { return id.is(f) })
}

// finish remembers a file as read to its end.
func (s *followState) finish(id fileID) {
	s.Done = append(s.Done, id)
	s.Done = s.Done[max(0, len(s.Done)-maxDone):]
}

// siblings returns the files that a rotation of path may have left beside it,
// and path itself at the end, opened. Compressed ones are not among them: see
// packedSiblings.
func siblings(path string) ([]*os.File, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	base := filepath.Base(path)
	var files []*os.File
	for _, e := range entries {
		name := e.Name()
		if !strings.HasPrefix(name, base) || name == base || notRotated(name) {
			continue
		}
		// It may be gone already.
		if f, err := openRegular(filepath.Join(filepath.Dir(path), name)); err == nil && f != nil {
			files = append(files, f)
		}
	}
	f, err := openRegular(path)
	if f != nil {
		files = append(files, f)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // a rotation has just moved it away
	}
	return files, err
}

// notRotated reports whether a name is of something that a rotation leaves
// later, or of this program.
func notRotated(name string) bool {
	for _, suffix := range []string{".gz", ".zst", ".bz2", ".xz", unpackedSuffix, vfs.TempSuffix, stateSuffix, lockSuffix} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}

// openRegular opens a regular file; it returns nil for anything else.
func openRegular(name string) (*os.File, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, err
	}
	return f, nil
}

// pick keeps one of the files, nil for none, and closes the others.
func pick(files []*os.File, keep *os.File) *os.File {
	for _, f := range files {
		if f != keep {
			f.Close()
		}
	}
	return keep
}
