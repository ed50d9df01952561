package sink

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/scaivault/audit/internal/vfs"
)

// file appends lines to files below the operator's directory, in the order of
// their numbers: DIR/TENANT/SINK-000001.jsonl, or .log of CEF. A batch counts
// once it is on stable storage.
//
// A file is never opened again to write to it: after a start and after a
// failure the next one begins, so that half a line can only be the last one of
// a file. Its events follow in the next.
type file struct {
	sink *sink
	dir  string
	last int      // number of the last file
	out  vfs.File // nil between two files
	size int64
	body []byte
}

func (s *sink) openFile() (transport, error) {
	t := &file{sink: s, dir: filepath.Join(s.m.Files, string(s.doc.Tenant))}
	if err := s.m.fs.MkdirAll(t.dir); err != nil {
		return nil, fmt.Errorf("file sink: %w", err)
	}
	names, err := s.m.fs.List(t.dir)
	if err != nil {
		return nil, fmt.Errorf("file sink: %w", err)
	}
	for _, name := range names {
		t.last = max(t.last, t.number(name))
	}
	return t, t.reuse()
}

// reuse takes the last file away if nothing is in it, so that failures one after
// the other do not leave a file each.
func (t *file) reuse() error {
	if t.last == 0 {
		return nil
	}
	info, err := t.sink.m.fs.Stat(t.name(t.last))
	if err == nil && info.Size == 0 {
		err = t.sink.m.fs.Remove(t.name(t.last))
		t.last--
	}
	if err != nil {
		return fmt.Errorf("file sink: %w", err)
	}
	return nil
}

func (t *file) suffix() string {
	if t.sink.form.isJSON() {
		return ".jsonl"
	}
	return ".log"
}

func (t *file) name(n int) string {
	return filepath.Join(t.dir, fmt.Sprintf("%s-%06d%s", t.sink.doc.Sink.Name, n, t.suffix()))
}

// number returns the number of a file of this sink, 0 if it is none.
func (t *file) number(name string) int {
	digits, ok := strings.CutPrefix(name, string(t.sink.doc.Sink.Name)+"-")
	digits, isOurs := strings.CutSuffix(digits, t.suffix())
	n, err := strconv.Atoi(digits)
	if !ok || !isOurs || err != nil || filepath.Base(t.name(n)) != name {
		return 0
	}
	return n
}

func (t *file) send(_ context.Context, records []record) (string, error) {
	t.body = t.body[:0]
	for i := range records {
		t.body = append(append(t.body, records[i].text...), '\n')
	}
	if t.out != nil && t.size+int64(len(t.body)) > t.sink.doc.Sink.FileBytes {
		if err := t.close(); err != nil {
			return "", err
		}
	}
	if err := t.write(); err != nil {
		return "", fmt.Errorf("file sink: %w", err)
	}
	return fmt.Sprintf("%d bytes are in %s", len(t.body), t.name(t.last)), nil
}

func (t *file) write() error {
	if t.out == nil {
		out, err := t.sink.m.fs.Create(t.name(t.last + 1))
		if err != nil {
			return err
		}
		t.last, t.out, t.size = t.last+1, out, 0
	}
	_, err := t.out.Write(t.body)
	if err == nil {
		err = t.out.Sync()
	}
	if err == nil && t.size == 0 {
		err = t.sink.m.fs.SyncDir(t.dir)
	}
	t.size += int64(len(t.body))
	return err
}

func (t *file) close() error {
	if t.out == nil {
		return nil
	}
	err := t.out.Close()
	t.out = nil
	if err != nil {
		return fmt.Errorf("file sink: %w", err)
	}
	return nil
}
