package store

import (
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
// A manifest that cannot be read is made anew from the segments, each of which
// knows what it holds.
func (s *Store) openSegments() (*manifest, error) {
	m, err := readManifest(s.fs, s.dir)
	if errors.Is(err, errManifest) {
		s.opts.Logger.Error("the manifest is damaged and made anew from the segments", "dir", s.dir, "error", err)
		m, err = s.rebuildManifest()
	}
	if err != nil {
		return nil, err
	}
	for i := range m.Segments {
		if err := s.openSealed(&m.Segments[i]); err != nil {
			return nil, err
		}
	}
	return m, s.removeOrphans(m)
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

// load maps and opens the file of a segment. It stays mapped until the process
// ends: a reader may still be in it when the store is closed.
func (s *Store) load(info *segmentInfo) (*segment, error) {
	file, err := s.fs.Open(s.dir + "/" + info.file())
	if err != nil {
		return nil, err
	}
	b, err := vfs.Map(file)
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	segment, err := openSegment(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSegment, err)
	}
	if f := segment.footer; f.tenant != info.Tenant || f.indexes.From != info.From || f.indexes.To != info.To {
		return nil, fmt.Errorf("%w: it holds the indexes %d to %d of %s",
			errSegment, f.indexes.From, f.indexes.To-1, f.tenant)
	}
	return segment, nil
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
// log. Their events are in the write-ahead log.
func (s *Store) removeOrphans(m *manifest) error {
	files, err := s.segmentFiles()
	if err != nil {
		return err
	}
	for _, file := range files {
		named := slices.ContainsFunc(m.Segments, func(i segmentInfo) bool { return i.file() == file })
		if !named && (strings.HasSuffix(file, segmentSuffix) || strings.HasSuffix(file, vfs.TempSuffix)) {
			if err := s.fs.Remove(s.dir + "/" + file); err != nil {
				return err
			}
		}
	}
	return nil
}

// rebuildManifest makes a manifest of the segments that are there, sound or
// damaged.
func (s *Store) rebuildManifest() (*manifest, error) {
	files, err := s.segmentFiles()
	if err != nil {
		return nil, err
	}
	m := &manifest{Format: manifestFormat}
	for _, file := range files {
		info, ok := segmentOf(file)
		if !ok {
			continue
		}
		segment, err := s.load(&info)
		if err == nil {
			info = segment.info()
		} else if !errors.Is(err, errSegment) {
			return nil, err
		}
		// Of a damaged one the name says whose indexes are lost.
		m.Segments = append(m.Segments, info)
	}
	m.sort()
	return m, writeManifest(s.fs, s.dir, m)
}

// info returns what the manifest says of the segment.
func (s *segment) info() segmentInfo {
	f := s.footer
	return segmentInfo{Tenant: f.tenant, From: f.indexes.From, To: f.indexes.To,
		Least: f.least, Most: f.most, Received: f.received, Size: int64(len(s.b))}
}
