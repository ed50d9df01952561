package store

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/scaivault/audit"
)

// maxSegmentRows is the most rows of a segment: what one damaged footer can take
// away.
const maxSegmentRows = 1 << 24

// segmentRows is what a segment is made of: rows in chunks, all full but the
// last, whose codes stand for values. None of it is changed.
type segmentRows struct {
	origin uint16 // that derived ids begin with
	rows   int
	chunks []*chunk
	values [numCols][]string    // by code; code 0 is ""
	index  func(row int) uint64 // of each row; no two are the same
}

// segmentRows returns the rows that v sees, for [appendRows].
func (v *tailView) segmentRows() *segmentRows {
	return &segmentRows{
		origin: v.tail.origin, rows: v.n, chunks: v.chunks, values: v.values,
		index: func(row int) uint64 { return v.tail.first + uint64(row) },
	}
}

func (r *segmentRows) at(row uint32) (c *chunk, i int) {
	return r.chunks[row>>chunkBits], int(row % chunkRows)
}

// place is where a row belongs in a segment.
type segmentPlace struct {
	time  audit.Time
	index uint64
	row   uint32
}

// order returns the rows by (time, index), and the bounds of their indexes.
func (r *segmentRows) order() (places []segmentPlace, indexes audit.IndexRange) {
	places = make([]segmentPlace, r.rows)
	indexes.From = audit.MaxIndex
	for n := range places {
		row := n
		c, i := r.at(uint32(row))
		if len(c.order) == c.len() && row-i+c.len() <= r.rows {
			i = int(c.order[i]) // in which the chunk is sorted already
			row = row&^(chunkRows-1) + i
		}
		index := r.index(row)
		places[n] = segmentPlace{c.times[i], index, uint32(row)}
		indexes.From, indexes.To = min(indexes.From, index), max(indexes.To, index+1)
	}
	return sortRuns(places), indexes
}

// before reports whether a comes before b in a segment.
func (a *segmentPlace) before(b *segmentPlace) bool {
	return a.time < b.time || a.time == b.time && a.index < b.index
}

// sortRuns sorts places that consist of few ascending runs, as those of chunks
// and segments do: it merges neighbours until there is one.
func sortRuns(places []segmentPlace) []segmentPlace {
	ends := []int{}
	for i := range places {
		if i+1 == len(places) || places[i+1].before(&places[i]) {
			ends = append(ends, i+1)
		}
	}
	for other := []segmentPlace(nil); len(ends) > 1; places, other = other, places {
		if other == nil {
			other = make([]segmentPlace, len(places))
		}
		begin, merged := 0, ends[:0]
		for k := 0; k < len(ends); k += 2 {
			middle, end := ends[k], ends[min(k+1, len(ends)-1)]
			mergeRuns(other[begin:end], places[begin:middle], places[middle:end])
			merged = append(merged, end)
			begin = end
		}
		ends = merged
	}
	return places
}

// mergeRuns sets dst to the places of two runs, in order.
func mergeRuns(dst, a, b []segmentPlace) {
	for len(a) > 0 && len(b) > 0 {
		if b[0].before(&a[0]) {
			dst[0], b = b[0], b[1:]
		} else {
			dst[0], a = a[0], a[1:]
		}
		dst = dst[1:]
	}
	copy(dst[copy(dst, a):], b)
}

// vocabulary is the values of a column that occur, in the order of their bytes
// but for "", which is the first in any case.
type vocabulary struct {
	values []string
	codes  []uint32 // the place of a value by the code that it had
	counts []int64  // rows by value
}

// vocabularyOf sorts values that occur so often.
func vocabularyOf(values []string, counts []int64) *vocabulary {
	var order []uint32
	for code := range values {
		if code == 0 || counts[code] > 0 {
			order = append(order, uint32(code))
		}
	}
	slices.SortFunc(order[1:], func(a, b uint32) int { return cmp.Compare(values[a], values[b]) })
	v := &vocabulary{codes: make([]uint32, len(values))}
	for place, code := range order {
		v.codes[code] = uint32(place)
		v.values = append(v.values, values[code])
		v.counts = append(v.counts, counts[code])
	}
	return v
}

// vocabulary sorts the values of a column.
func (r *segmentRows) vocabulary(col int) (*vocabulary, error) {
	values := r.values[col]
	counts := make([]int64, len(values))
	left := r.rows
	for _, c := range r.chunks {
		n := min(left, c.len())
		for _, code := range c.codes[col][:n] {
			if int(code) >= len(values) {
				return nil, fmt.Errorf("column %d: code %d of %d", col, code, len(values))
			}
			counts[code]++
		}
		left -= n
	}
	return vocabularyOf(values, counts), nil
}

// pairing returns the pairs of identities and values of a column, nil if there
// are so many that codes take less.
func (r *segmentRows) pairing(identities, values *vocabulary, col int) *pairing {
	counts := pairCounts{rows: r.rows}
	left := r.rows
	for _, c := range r.chunks {
		n := min(left, c.len())
		for i, identity := range c.codes[colIdentity][:n] {
			counts.add(identities.codes[identity], values.codes[c.codes[col][i]], 1)
		}
		if left -= n; counts.tooMany() {
			return nil
		}
	}
	return counts.pairing()
}

// source returns what [writeSegment] reads of the rows.
func (r *segmentRows) source() (*rowSource, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	s := &rowSource{segmentRows: r, segmentOutline: segmentOutline{origin: r.origin, rows: r.rows}}
	s.places, s.indexes = r.order()
	for col := range s.words {
		var err error
		if s.words[col], err = r.vocabulary(col); err != nil {
			return nil, err
		}
	}
	for col := range s.pairs {
		if depends[col] {
			s.pairs[col] = r.pairing(s.words[colIdentity], s.words[col], col)
		}
	}
	return s, nil
}

// rowSource goes through rows in the order of the segment.
type rowSource struct {
	*segmentRows
	segmentOutline
	places []segmentPlace // of the rows that are left
}

func (s *rowSource) outline() *segmentOutline { return &s.segmentOutline }

func (s *rowSource) next(b *blockColumns) error {
	places := s.places[:len(b.times)]
	s.places = s.places[len(places):]
	for k, p := range places {
		c, i := s.at(p.row)
		b.times[k] = int64(p.time)
		b.received[k] = int64(c.received[i])
		b.duration[k] = int64(c.duration[i])
		b.indexes[k] = p.index
		b.success[k] = c.outcomes[i]
		for col := range b.codes {
			b.codes[col][k] = s.words[col].codes[c.codes[col][i]]
		}
		for which := range b.texts {
			b.texts[which][k] = c.texts.at(i, which)
		}
	}
	return nil
}

// check returns an error if the rows cannot be a segment.
func (r *segmentRows) check() error {
	if r.rows <= 0 || r.rows > maxSegmentRows {
		return fmt.Errorf("%d rows; want 1 to %d", r.rows, maxSegmentRows)
	}
	if len(r.chunks) < (r.rows+chunkRows-1)>>chunkBits {
		return fmt.Errorf("%d rows in %d chunks", r.rows, len(r.chunks))
	}
	for col, values := range r.values {
		if len(values) == 0 || values[0] != "" {
			return fmt.Errorf("column %d: code 0 is not the empty value", col)
		}
	}
	return nil
}
