package store

import (
	"encoding/binary"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/frame"
	"github.com/scaivault/audit/internal/vfs"
)

// OpenReadOnly opens the store in dir to read it, whether or not another process
// has it open, and on a disk that cannot be written. What recovery would change
// stays in memory. If a server changes the manifest meanwhile, the store may find
// files missing: whoever calls compares the file [ManifestName] before and after,
// and opens it again.
func OpenReadOnly(fsys vfs.FS, dir string, opts Options) (*Store, error) {
	opts.readOnly = true
	return Open(vfs.NewOverlay(fsys), dir, opts)
}

// ManifestName is the name of the manifest below the directory of a store.
const ManifestName = manifestName

// Place is where an event stands on disk.
type Place struct {
	File   string // below the directory of the store
	Offset int64  // of the piece that holds it, or that is damaged, in bytes; -1 if it is not known
	Length int64  // of that piece
	// Damaged says that the piece does not have its checksum.
	Damaged bool
}

// PlaceOf returns where the event with the index stands: in a block of a segment,
// of which the first damaged piece is named if there is one, or in a frame of the
// write-ahead log. ok is false if no file is known to have it.
func (s *Store) PlaceOf(tenant audit.TenantID, index uint64) (p Place, ok bool) {
	for i := range s.sealer.manifest.Segments {
		info := &s.sealer.manifest.Segments[i]
		if info.Tenant == tenant && info.From <= index && index < info.To {
			p = Place{File: info.file(), Offset: -1}
			s.reader(tenant).placeIn(&p, index)
			return p, true
		}
	}
	l := s.find(tenant)
	for _, f := range s.wal.files {
		if l != nil && index < f.ends[l] {
			return s.placeInWAL(f.id, tenant, index), true
		}
	}
	return Place{}, false
}

// placeIn finds the piece of a segment.
func (l *tenantLog) placeIn(p *Place, index uint64) {
	for _, s := range l.segments {
		if r := s.indexes(); index < r.From || index >= r.To {
			continue
		}
		for _, x := range s.extents() {
			if _, ok := s.bytes(x); !ok {
				p.Offset, p.Length, p.Damaged = int64(x.offset), int64(x.length), true
				return
			}
		}
		for n := range s.blocks() {
			if least, end := s.footer.indexesOf(n); index >= least && index < end {
				x := s.footer.block(n).extent
				p.Offset, p.Length = int64(x.offset), int64(x.length)
				return
			}
		}
	}
}

// extents returns the pieces of a segment that have a checksum.
func (s *segment) extents() []extent {
	var list []extent
	for i, x := range s.footer.sections {
		sums, ok := s.sumsOf(i)
		if !ok {
			list = append(list, x)
			continue
		}
		list = append(list, sums)
		for at, n := x.offset, 0; at < sums.offset; at, n = at+pageSize, n+1 {
			list = append(list, extent{
				offset: at, length: uint32(min(pageSize, sums.offset-at)),
				crc: binary.LittleEndian.Uint32(s.b[sums.offset+uint64(4*n):]),
			})
		}
	}
	for n := range s.blocks() {
		list = append(list, s.footer.block(n).extent)
	}
	return list
}

// placeInWAL finds the frame of a file of the write-ahead log.
func (s *Store) placeInWAL(id uint64, tenant audit.TenantID, index uint64) Place {
	p := Place{File: walName(id), Offset: -1}
	b, err := vfs.ReadFile(s.fs, s.dir+"/"+p.File)
	for at := walHeader; err == nil && at < len(b); {
		f := walFrames.At(b, id, at)
		if f == nil {
			break
		}
		sections := reader{b: f[frame.Header:]}
		for len(sections.b) > 0 && !sections.bad {
			x := sections.section()
			if !sections.bad && x.tenant == tenant && x.first <= index && index < x.first+uint64(x.count) {
				p.Offset, p.Length = int64(at), int64(len(f))
				return p
			}
		}
		at += len(f)
	}
	return p
}
