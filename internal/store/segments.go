package store

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/scaivault/audit/internal/vfs"
)

// openSegments opens the segments that the manifest names and begins the logs
// of their tenants. A segment that is damaged or gone is lost to readers, by
// its indexes; its file stays. One that the disk does not give now is an error.
// A manifest that cannot be read, or is not there, is made anew from the
// segments, each of which knows what it holds: without it they are not orphans.
// firstWAL is what is known without it of the write-ahead log.
func (s *Store) openSegments(firstWAL uint64) (*manifest, error) {
	m, err := readManifest(s.fs, s.dir)
	if errors.Is(err, errManifest) || errors.Is(err, fs.ErrNotExist) {
		m, err = s.rebuildManifest(err, firstWAL)
	}
	if err != nil {
		return nil, err
	}
	for i := range m.Segments {
		if err := s.openSealed(&m.Segments[i]); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// openSealed adds a segment to the log of its tenant.
func (s *Store) openSealed(info *segmentInfo) error {
	l := s.logs[info.Tenant]
	if l == nil {
		l = s.newLog(info.Tenant, 0)
		s.logs[info.Tenant] = l
	}
	if l.tail().first < info.From {
		l.skip(info.From)
	}
	segment, err := s.load(info)
	switch {
	case errors.Is(err, errSegment) || errors.Is(err, fs.ErrNotExist):
		s.opts.Logger.Error("a segment is damaged; queries that may depend on it answer data_damaged",
			"segment", info.file(), "error", err)
		l.skip(info.To)
	case err != nil:
		return fmt.Errorf("segment %s: %w", info.file(), err)
	default:
		l.segments = append(l.segments, segment)
		l.tail().first = info.To
	}
	l.last = max(l.last, info.Received)
	return nil
}

// errSegment is in the chain of the error of a segment that is damaged.
var errSegment = errors.New("segment is damaged")

// load maps and opens the file of a segment. It stays mapped as long as the log
// or a view has it: when the store is closed until the process ends, since a
// reader may still be in it.
func (s *Store) load(info *segmentInfo) (*segment, error) {
	file, err := s.fs.Open(s.dir + "/" + info.file())
	if err != nil {
		return nil, err
	}
	ends, _ := s.ends.Get().(*segmentEnds)
	if ends == nil {
		ends = new(segmentEnds)
	}
	defer s.ends.Put(ends)
	m, err := vfs.Map(file)
	if err == nil {
		if err = ends.read(file, len(m.Bytes)); err != nil {
			err = errors.Join(err, m.Close())
		}
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	segment, err := openEnds(m.Bytes, ends)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", errSegment, err), m.Close())
	}
	segment.file = m
	if f := segment.footer; f.tenant != info.Tenant || f.indexes.From != info.From || f.indexes.To != info.To {
		segment.release()
		return nil, fmt.Errorf("%w: it holds the indexes %d to %d of %s",
			errSegment, f.indexes.From, f.indexes.To-1, f.tenant)
	}
	return segment, nil
}

// read reads the ends of a file of so many bytes, by calls and not in a mapping:
// the first look at a page there brings in megabytes around it, and most segments
// are opened long before anybody asks them.
func (e *segmentEnds) read(file vfs.File, size int) error {
	e.head, e.tail = e.buf[:min(size, segmentHeader)], e.buf[segmentHeader:][:min(size, usualFooter)]
	if n, err := file.ReadAt(e.tail, int64(size-len(e.tail))); n < len(e.tail) {
		return err
	}
	if n, err := file.ReadAt(e.head, 0); n < len(e.head) {
		return err
	}
	return nil
}

// segmentFiles returns the names of the segments' files below the directory.
func (s *Store) segmentFiles() ([]string, error) {
	names, err := s.fs.List(s.dir)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, tenant := range names {
		if info, err := s.fs.Stat(s.dir + "/" + tenant); err != nil || !info.Dir {
			continue
		}
		inside, err := s.fs.List(s.dir + "/" + tenant)
		if err != nil {
			return nil, err
		}
		for _, name := range inside {
			files = append(files, tenant+"/"+name)
		}
	}
	return files, nil
}

// removeOrphans removes what a crash left: files that were not yet part of the
// log, or are not any more. Their events are elsewhere; where they are not, as
// an older manifest would have it, the file stays.
func (s *Store) removeOrphans(m *manifest) error {
	files, err := s.segmentFiles()
	if err != nil {
		return err
	}
	named := make(map[string]bool, len(m.Segments))
	for i := range m.Segments {
		named[m.Segments[i].file()] = true
	}
	durable := false
	for _, file := range files {
		info, orphan := segmentOf(file)
		orphan = orphan && !named[file] && s.holds(&info)
		if orphan && !durable {
			// The manifest that was read may be in memory only, left there by a
			// sync that failed. After a power cut the one before it would name
			// what is removed here.
			if err := writeManifest(s.fs, s.dir, m); err != nil {
				return err
			}
			durable = true
		}
		if orphan || strings.HasSuffix(file, vfs.TempSuffix) {
			if err := s.fs.Remove(s.dir + "/" + file); err != nil {
				return err
			}
		}
	}
	return nil
}

// holds reports whether the log has the events of a segment without it.
func (s *Store) holds(info *segmentInfo) bool {
	l := s.reader(info.Tenant)
	return info.To <= l.size() && damageIn(l.damage(), info.From, info.To) == nil
}

// rebuildManifest makes a manifest of the segments that are there, sound or
// damaged, for the one that cannot be read. Of a damaged one the name says whose
// indexes are lost.
func (s *Store) rebuildManifest(cause error, firstWAL uint64) (*manifest, error) {
	files, err := s.segmentFiles()
	if err != nil {
		return nil, err
	}
	var sound, lost []segmentInfo
	for _, file := range files {
		info, ok := segmentOf(file)
		if !ok {
			continue
		}
		segment, err := s.load(&info)
		switch {
		case err == nil:
			sound = append(sound, segment.info())
			segment.release()
		case errors.Is(err, errSegment):
			lost = append(lost, info)
		default:
			return nil, err
		}
	}
	m := &manifest{Format: manifestFormat, FirstWAL: firstWAL, Segments: consistent(sound, lost)}
	if len(m.Segments) == 0 {
		return m, nil // a new store
	}
	s.opts.Logger.Error("the manifest is made anew from the segments", "dir", s.dir, "error", cause)
	m.sort()
	for i, info := range m.Segments {
		// Their names may be in memory only: a power cut must not take what the
		// manifest promises.
		if i == 0 || info.Tenant != m.Segments[i-1].Tenant {
			if err := s.fs.SyncDir(s.dir + "/" + string(info.Tenant)); err != nil {
				return nil, err
			}
		}
	}
	return m, writeManifest(s.fs, s.dir, m)
}

// consistent returns segments that share no index. A crash may leave a segment
// beside those that it was merged from: it stands for them. Of a damaged one
// that shares indexes with sound ones nothing is kept but what it alone may
// have held, as segments that are gone.
func consistent(sound, lost []segmentInfo) []segmentInfo {
	var kept []segmentInfo
	for _, info := range widestFirst(sound) {
		if !slices.ContainsFunc(kept, info.overlaps) {
			kept = append(kept, info)
		}
	}
	for _, info := range widestFirst(lost) {
		kept = append(kept, info.without(kept)...)
	}
	return kept
}

// widestFirst sorts segments by the number of their indexes.
func widestFirst(list []segmentInfo) []segmentInfo {
	slices.SortFunc(list, func(a, b segmentInfo) int {
		return cmp.Or(cmp.Compare(b.To-b.From, a.To-a.From), cmp.Compare(a.From, b.From))
	})
	return list
}

// overlaps reports whether two segments share an index.
func (i segmentInfo) overlaps(of segmentInfo) bool {
	return i.Tenant == of.Tenant && i.From < of.To && of.From < i.To
}

// without returns the ranges of i that others do not overlap.
func (i segmentInfo) without(others []segmentInfo) []segmentInfo {
	left := []segmentInfo{i}
	for _, o := range others {
		var next []segmentInfo
		for _, l := range left {
			if !l.overlaps(o) {
				next = append(next, l)
				continue
			}
			if l.From < o.From {
				next = append(next, segmentInfo{Tenant: l.Tenant, From: l.From, To: o.From})
			}
			if o.To < l.To {
				next = append(next, segmentInfo{Tenant: l.Tenant, From: o.To, To: l.To})
			}
		}
		left = next
	}
	return left
}

// info returns what the manifest says of the segment.
func (s *segment) info() segmentInfo {
	f := s.footer
	return segmentInfo{Tenant: f.tenant, From: f.indexes.From, To: f.indexes.To,
		Least: f.least, Most: f.most, Received: f.received, Size: int64(len(s.b))}
}
