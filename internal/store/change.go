package store

import (
	"io"
	"path"
	"slices"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

// change is a segment that is written, and what it is to take the place of: a
// tail or other segments. Nobody reads it yet.
type change struct {
	log     *tenantLog
	segment *segment
	tail    *tail
	of      []*segment
}

// rowsAtOnce is how many rows one manifest makes part of logs, or a few more. A
// full tail has so many; of many tenants with little each, a manifest for every
// one would cost more than their segments.
func (s *sealer) rowsAtOnce() int { return s.store.opts.SealEvents }

// seal writes the segment of a full tail.
func (s *sealer) seal(l *tenantLog, t *tail) (change, error) {
	// The tail is full: nobody writes to it, and it is read without the lock.
	rows, err := t.staging().segmentRows().source()
	if err != nil {
		return change{}, err
	}
	segment, err := s.write(l.tenant, rows)
	return change{log: l, segment: segment, tail: t}, err
}

// write writes a segment of the rows of a source, durably.
func (s *sealer) write(tenant audit.TenantID, source segmentSource) (*segment, error) {
	o := source.outline()
	info := segmentInfo{Tenant: tenant, From: o.indexes.From, To: o.indexes.To}
	name := s.store.dir + "/" + info.file()
	if err := s.store.fs.MkdirAll(path.Dir(name)); err != nil {
		return nil, err
	}
	// Dying before the manifest is replaced leaves a file that it does not
	// name, whole or not. Recovery removes it: its events are where they were.
	if err := vfs.WriteStream(s.store.fs, name, func(out io.Writer) error {
		return writeSegment(out, tenant, source)
	}); err != nil {
		return nil, err
	}
	return s.store.load(&info)
}

// apply makes changes, of which no two are of the same segments or tails, part
// of the logs: all of them or none.
func (s *sealer) apply(changes []change) error {
	if err := s.publish(s.manifest.with(changes)); err != nil {
		for i := range changes {
			changes[i].segment.release()
		}
		return err
	}
	// Dying from here on leaves the events of a tail in the segment and in the
	// write-ahead log. Recovery knows by their indexes that they are the same.
	for i := range changes {
		changes[i].show()
	}
	return nil
}

// show lets readers find the segment in the place of the others.
func (c *change) show() {
	l := c.log
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.tail != nil {
		l.segments = append(l.segments[:len(l.segments):len(l.segments)], c.segment)
		l.tails = slices.Clone(l.tails[1:])
		l.unsealed.Add(-int64(c.tail.staged))
		return
	}
	at := slices.Index(l.segments, c.of[0])
	l.segments = slices.Replace(slices.Clone(l.segments), at, at+len(c.of), c.segment)
}
