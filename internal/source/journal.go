package source

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/frame"
	"github.com/scaivault/audit/internal/vfs"
)

// journal keeps the requests that wait for their answers on disk, so that one
// whose line was acknowledged is not lost with the process.
//
// It is a short row of files, to which records are only appended. Requests join
// the open group, so that one sync serves all who waited for the disk meanwhile. A
// file is removed when none of its requests waits any more; what a crash leaves of
// finished ones is read back, and found in the log when its time is up.
type journal struct {
	fs     vfs.FS
	dir    string
	logger *slog.Logger

	turns[requests]
	spare []byte         // a buffer for the next group; guarded by mu, as are the following
	text  []byte         // room for one record
	files []*journalFile // the last is the one that new groups go to

	// The file that is written, owned by run.
	file    vfs.File
	written *journalFile
	offset  int64
}

// journalFile is one file.
type journalFile struct {
	id   uint64
	size int64 // bytes that were added
	left int   // requests that still wait
}

// group is the requests that one sync makes durable.
type group = turn[requests]

// requests are on their way to the journal.
type requests struct {
	file  *journalFile
	frame []byte // room for its header, then records
}

const (
	// A file is followed by the next beyond journalSize bytes, or, if none of
	// its requests waits any more, beyond journalRest.
	journalSize = 8 << 20
	journalRest = 2 << 20
	// journalQueue bounds the bytes that wait for the disk.
	journalQueue = 64 << 20
	// journalSpare bounds the bytes of a buffer that is used again.
	journalSpare = 1 << 20
)

// openJournal opens the journal in dir, which is made if there is none, and
// returns the requests that wait. They are written into a new file and synced
// before anybody hears of them: what an earlier process read back from memory
// may never have reached the disk.
func openJournal(fsys vfs.FS, dir string, logger *slog.Logger) (*journal, []record, error) {
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, nil, err
	}
	j := &journal{fs: fsys, dir: dir, logger: logger, turns: newTurns[requests]()}
	ids, records, err := j.read()
	if err != nil {
		return nil, nil, err
	}
	next := uint64(1)
	if len(ids) > 0 {
		next = ids[len(ids)-1] + 1
	}
	j.files = []*journalFile{{id: next}}
	if len(records) > 0 {
		g := j.group()
		for i := range records {
			j.put(g, &records[i])
		}
		if err := j.write(&g.of); err != nil {
			return nil, nil, err
		}
		close(g.done)
		j.open = nil
	}
	for _, id := range ids {
		// Dying here leaves requests in two files: they are known by their keys.
		if err := fsys.Remove(j.name(id)); err != nil {
			return nil, nil, err
		}
	}
	go j.run()
	return j, records, nil
}

// add puts a request into the open group. It is kept once that is durable.
func (j *journal) add(r *record) (*group, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.err != nil:
		return nil, j.err
	case j.closed:
		return nil, audit.Errorf(audit.CodeUnavailable, "the journal of open requests is closed")
	case j.open != nil && len(j.open.of.frame) > journalQueue:
		return nil, audit.Errorf(audit.CodeUnavailable, "%d bytes wait for the disk already", len(j.open.of.frame))
	}
	g := j.group()
	j.put(g, r)
	return g, nil
}

// group returns the open group. The caller holds mu.
func (j *journal) group() *group {
	if j.open != nil {
		return j.open
	}
	f := j.files[len(j.files)-1]
	if f.size > journalSize || f.left == 0 && f.size > journalRest {
		f = &journalFile{id: f.id + 1}
		j.files = append(j.files, f)
	}
	g := j.join()
	g.of = requests{file: f, frame: append(j.spare[:0], make([]byte, frame.Header)...)}
	j.spare = nil
	return g
}

// put appends a record to a group. The caller holds mu.
func (j *journal) put(g *group, r *record) {
	of, start := &g.of, len(g.of.frame)
	j.text = r.append(j.text[:0])
	of.frame = append(binary.AppendUvarint(of.frame, uint64(len(j.text))), j.text...)
	of.file.left++
	of.file.size += int64(len(of.frame) - start)
}

// finish notes that the request of a group waits no more: the log has it.
func (j *journal) finish(g *group) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if g.of.file.left--; g.of.file.left == 0 {
		j.poke()
	}
}

// run writes groups, and removes files that hold nothing, until close.
func (j *journal) run() {
	defer close(j.stopped)
	for j.next(j.flush) {
		j.sweep(false)
	}
	j.sweep(true)
}

// flush makes requests durable.
func (j *journal) flush(g *requests) error {
	err := j.fail(j.write(g), j.logger, "the journal of open requests", "no more requests are taken")
	j.mu.Lock()
	defer j.mu.Unlock()
	if cap(g.frame) <= journalSpare {
		j.spare = g.frame
	}
	g.frame = nil // whoever remembers the group needs its error only
	return err
}

// write appends the frame to its file and syncs it.
func (j *journal) write(g *requests) error {
	if j.written != g.file {
		if err := j.create(g.file); err != nil {
			return err
		}
	}
	journalFrames.Seal(g.frame, g.file.id, j.offset)
	// Dying here: nothing is on disk, and nobody was told.
	n, err := j.file.Write(g.frame)
	j.offset += int64(n)
	if err != nil {
		return fmt.Errorf("write journal %d: %w", g.file.id, err)
	}
	// Dying here: any part of the frame may be there. If it is whole, its
	// requests are read back: they were sent, though nobody was told.
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("sync journal %d: %w", g.file.id, err)
	}
	return nil
}

// create begins a file. Its entry in the directory is durable before a frame is
// written to it.
func (j *journal) create(f *journalFile) error {
	file, err := j.fs.Create(j.name(f.id))
	if err != nil {
		return err
	}
	if err := j.fs.SyncDir(j.dir); err != nil {
		return errors.Join(err, file.Close())
	}
	if j.file != nil {
		err = j.file.Close()
	}
	j.file, j.written, j.offset = file, f, 0
	return err
}

// sweep removes the files of which no request waits, the last only at the end.
// One that stays for an error is read at the next start, which does no harm.
func (j *journal) sweep(end bool) {
	j.mu.Lock()
	var spent []*journalFile
	last := j.files[len(j.files)-1]
	j.files = slices.DeleteFunc(j.files, func(f *journalFile) bool {
		done := f.left == 0 && (f != last || end)
		if done {
			spent = append(spent, f)
		}
		return done
	})
	j.mu.Unlock()
	for _, f := range spent {
		if f.size == 0 {
			continue // it was never written
		}
		if err := j.fs.Remove(j.name(f.id)); err != nil {
			j.logger.Warn("a spent journal of open requests stays", "error", err)
		}
	}
}

// close makes the open group durable and closes the file. The requests that
// wait stay where they are.
func (j *journal) close() error {
	if !j.shut() || j.file == nil {
		return nil
	}
	return j.file.Close()
}

const (
	journalPrefix = "open-"
	journalSuffix = ".log"
	// damagedSuffix ends the name of a file in which something is damaged; it
	// is kept for whoever looks into it, and never read again.
	damagedSuffix = ".damaged"
)

func (j *journal) name(id uint64) string {
	return j.dir + "/" + fmt.Sprintf("%s%012d%s", journalPrefix, id, journalSuffix)
}

// read returns the ids of the files in their order and the requests in them,
// each once.
func (j *journal) read() ([]uint64, []record, error) {
	names, err := j.fs.List(j.dir)
	if err != nil {
		return nil, nil, err
	}
	var ids []uint64
	var records []record
	seen := make(map[string]bool)
	for _, name := range names {
		s, ok1 := strings.CutPrefix(name, journalPrefix)
		s, ok2 := strings.CutSuffix(s, journalSuffix)
		id, err := strconv.ParseUint(s, 10, 64)
		if !ok1 || !ok2 || err != nil {
			continue
		}
		content, err := vfs.ReadFile(j.fs, j.name(id))
		if err != nil {
			return nil, nil, err
		}
		ids = append(ids, id)
		texts, damaged := readFrames(content, id)
		if damaged {
			if err := j.keep(id, content); err != nil {
				return nil, nil, err
			}
		}
		for _, text := range texts {
			r, err := readRecord(text)
			if err != nil {
				return nil, nil, fmt.Errorf("journal %s: %w; a newer version may have written it", name, err)
			}
			if k := string(r.tenant) + " " + string(r.entry.sum[:]); !seen[k] {
				seen[k] = true
				records = append(records, r)
			}
		}
	}
	return ids, records, nil
}

// keep puts a damaged file aside under another name.
func (j *journal) keep(id uint64, content []byte) error {
	j.logger.Error("a journal of open requests is damaged: requests that were not answered may be missing",
		"file", j.name(id)+damagedSuffix)
	return vfs.WriteFile(j.fs, j.name(id)+damagedSuffix, content)
}
