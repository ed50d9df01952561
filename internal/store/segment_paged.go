package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"sync/atomic"

	"github.com/scaivault/audit/internal/vfs"
)

// pageSize is how many bytes of a paged section have a checksum of their own.
const pageSize = 4096

// isPaged reports whether a section is paged, but in version 1. A question needs
// a few places of such a section; with one checksum over all it would read
// megabytes for them. Behind the content stands a CRC-32C of each page, and the
// section's own checksum is that of these.
func isPaged(section int) bool {
	return section >= sectionPostings && section < sectionPairs || section == sectionRequests || section == sectionProducers
}

// appendSums appends the checksums of the pages of a content.
func appendSums(dst, content []byte) []byte {
	for len(content) > 0 {
		n := min(pageSize, len(content))
		dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(content[:n], castagnoli))
		content = content[n:]
	}
	return dst
}

// paged is a paged section. It is safe for concurrent use.
type paged struct {
	b      []byte          // the content
	sums   []byte          // none: the content is known to be right
	sound  []atomic.Uint64 // a bit a page that has its checksum
	file   *vfs.Mapping    // nil if b is of no file
	offset uint64          // of the content in the file
}

// content returns where the content of a paged section ends, and whether its
// length can be right.
func (x extent) content() (end uint64, ok bool) {
	pages := (uint64(x.length) + pageSize + 3) / (pageSize + 4)
	end = uint64(x.length) - 4*pages
	return x.offset + end, (end+pageSize-1)/pageSize == pages
}

// paged returns a paged section. Nothing but its checksums is read.
func (s *segment) paged(section int) (*paged, error) {
	if p := s.pages[section].Load(); p != nil {
		return p, nil
	}
	if s.footer.version < pagesVersion {
		b, err := s.section(section)
		return &paged{b: b}, err
	}
	x := s.footer.sections[section]
	sums, ok := s.sumsOf(section)
	if !ok {
		return nil, fmt.Errorf("section %d: length %d", section, x.length)
	}
	s.ahead(sums, sums)
	raw, ok := s.bytes(sums)
	if !ok {
		return nil, fmt.Errorf("section %d: checksum mismatch", section)
	}
	p := &paged{
		b: s.b[x.offset:sums.offset:sums.offset], sums: raw, file: s.file, offset: x.offset,
		sound: make([]atomic.Uint64, (len(raw)/4+63)/64),
	}
	s.pages[section].Store(p)
	return p, nil
}

// sumsOf returns the extent of the checksums of a paged section. ok is false if
// it has none.
func (s *segment) sumsOf(section int) (sums extent, ok bool) {
	x := s.footer.sections[section]
	end, ok := x.content()
	ok = ok && isPaged(section) && s.footer.version >= pagesVersion
	return extent{offset: end, length: uint32(x.offset + uint64(x.length) - end), crc: x.crc}, ok
}

// need compares the bytes from ≤ offset < to of the content, as far as there are
// any, with their checksums, unless that was done. They are looked at afterwards.
func (p *paged) need(from, to int) error {
	first, end := p.unsound(from, to)
	if p.ahead(from, to); first == end {
		return nil
	}
	for n := first; n < end; n++ {
		page := p.b[n*pageSize : min((n+1)*pageSize, len(p.b))]
		if crc32.Checksum(page, castagnoli) != binary.LittleEndian.Uint32(p.sums[4*n:]) {
			return fmt.Errorf("page at %d: checksum mismatch", p.offset+uint64(n*pageSize))
		}
		p.sound[n/64].Or(1 << (n % 64))
	}
	return nil
}

// ahead begins to read bytes that will be needed.
func (p *paged) ahead(from, to int) {
	if first, end := p.unsound(from, to); p.file != nil && first < end {
		p.file.Ahead(p.offset+uint64(first*pageSize), p.offset+uint64(min(end*pageSize, len(p.b))))
	}
}

// unsound returns pages of the bytes, none that is not known to be sound being
// before the first of them or from the end on.
func (p *paged) unsound(from, to int) (first, end int) {
	if to = min(to, len(p.b)); p.sums == nil || from >= to {
		return 0, 0
	}
	first, end = from/pageSize, (to-1)/pageSize+1
	for first < end && p.sound[first/64].Load()>>(first%64)&1 == 1 {
		first++
	}
	return first, end
}

// aheadOfPaged begins to read what is looked at first in a paged section, once.
func (s *segment) aheadOfPaged(section int) {
	if s.sectionsAhead.Or(1<<section)>>section&1 == 1 {
		return
	}
	x := s.footer.sections[section]
	if sums, ok := s.sumsOf(section); ok {
		s.ahead(sums, sums)
		x.length = min(x.length, pageSize)
	}
	s.ahead(x, x)
}
