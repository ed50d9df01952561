package store

import (
	"context"
	"fmt"
	"iter"

	"github.com/scaivault/audit"
)

const (
	// windowIndexes is how many indexes are read at once: the rows of a segment
	// lie in the order of time, and those of so many indexes lie in few blocks.
	windowIndexes = 1 << 16
	// windowText bounds what is held of them, in bytes; a window of longer
	// lines is read in parts of leastWindow indexes at least.
	windowText  = 32 << 20
	leastWindow = 1 << 8
)

// Lines yields the canonical lines, without line ends, of the durable events of
// the tenant with the indexes from ≤ index < to, in that order. A line is valid
// until the next step. An error, which comes with a nil line, ends the walk: it
// is ctx's if that ends first, and [audit.CodeDataDamaged] where events are
// lost, after the lines before them.
func (s *Store) Lines(ctx context.Context, tenant audit.TenantID, from, to uint64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		l := s.reader(tenant)
		recent := l.recentFrom(from)
		w := lineWalk{ctx: ctx, yield: yield, next: from, recent: recent}
		if err := w.log(l, to); err != nil && !w.ended {
			yield(nil, err)
		}
		l.wasRead(recent, w.next)
	}
}

// lineWalk yields lines in the order of their indexes.
type lineWalk struct {
	ctx   context.Context
	yield func([]byte, error) bool
	next  uint64 // index of the line that is due
	ended bool   // nothing may be yielded any more

	recent []*recentBatch // those that are not read yet

	text   []byte   // of a line of a tail
	lines  lineList // of a window, in the order of reading
	places []int    // which line each index of the window has, from 1; 0 is none
	rows   []uint16
}

// log yields the lines of a log from the next one on, up to the index to.
func (w *lineWalk) log(l *tenantLog, to uint64) (err error) {
	v := l.view(&audit.Filter{}, to)
	defer v.end(&err)
	return w.view(v)
}

// view yields the lines of a view from the next one on.
func (w *lineWalk) view(v *view) error {
	end, damaged := v.damagedAt(w.next)
	end = min(end, v.size)
	for _, p := range v.parts {
		r := p.indexes()
		if r.To <= w.next {
			continue
		}
		if r.From > w.next || r.From >= end {
			break
		}
		if err := w.part(p.part, min(r.To, end)); err != nil || w.ended {
			return err
		}
	}
	if damaged {
		return v.intactIn(w.next, v.size)
	}
	if w.next < end {
		return lineMissing(w.next)
	}
	return nil
}

// lineMissing is the error of an index below the size that nothing has.
func lineMissing(index uint64) error {
	return &audit.Error{Code: audit.CodeDataDamaged, Message: fmt.Sprintf("event %d of the log is not there", index),
		Damaged: []audit.IndexRange{{From: index, To: index + 1}}}
}

// part yields the lines of a part up to the index end.
func (w *lineWalk) part(p part, end uint64) error {
	switch p := p.(type) {
	case *tailView:
		return w.tail(p, end)
	case *segment:
		return w.segment(p, end)
	default:
		return fmt.Errorf("lines of a %T", p)
	}
}

// tail yields the lines of a tail, whose rows are in this order, up to the index
// end.
func (w *lineWalk) tail(v *tailView, end uint64) error {
	for w.next < end && !w.ended {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		for len(w.recent) > 0 && w.recent[0].end <= w.next {
			w.recent = w.recent[1:]
		}
		some := min(end, w.next+scanRows)
		switch {
		case len(w.recent) > 0 && w.recent[0].first <= w.next:
			w.encoded(w.recent[0], end)
			continue
		case len(w.recent) > 0:
			some = min(some, w.recent[0].first)
		}
		for w.next < some && !w.ended {
			r := v.record(int(w.next - v.tail.first))
			w.text = r.AppendLine(w.text[:0])
			w.one(w.text)
		}
	}
	return nil
}

// encoded yields the lines of a batch from the next one on, up to the index end.
func (w *lineWalk) encoded(b *recentBatch, end uint64) {
	text := b.text
	for index := b.first; index < min(b.end, end) && !w.ended; index++ {
		var line []byte
		if line, text = nextLine(text); index >= w.next {
			w.one(line)
		}
	}
}

// one yields the next line.
func (w *lineWalk) one(line []byte) {
	w.next++
	w.ended = !w.yield(line, nil)
}

// segment yields the lines of a segment up to the index end.
func (w *lineWalk) segment(s *segment, end uint64) error {
	for size := uint64(windowIndexes); w.next < end; {
		to := min(end, w.next+size)
		fits, err := w.read(s, to, size > leastWindow)
		if err != nil {
			return err
		}
		if !fits {
			size /= 2
			continue
		}
		if err := w.pass(); err != nil || w.ended {
			return err
		}
	}
	return nil
}

// read reads the lines below the index to into the window. If it is bounded,
// it gives up once they are too much.
func (w *lineWalk) read(s *segment, to uint64, bounded bool) (fits bool, err error) {
	w.lines.clear()
	w.places = append(w.places[:0], make([]int, to-w.next)...)
	for n := range s.blocks() {
		if least, end := s.footer.indexesOf(n); end <= w.next || least >= to {
			continue
		}
		var b segmentBlock
		if err := s.open(&b, n); err != nil {
			return false, err
		}
		w.rows = b.indexed(w.rows[:0], w.next, to)
		for rows := w.rows; len(rows) > 0; {
			some := rows[:min(len(rows), scanRows)]
			rows = rows[len(some):]
			if err := w.ctx.Err(); err != nil {
				return false, err
			}
			if err := b.lines(&w.lines, some); err != nil {
				return false, err
			}
			if bounded && len(w.lines.text) > windowText {
				return false, nil
			}
		}
	}
	for k, line := range w.lines.at {
		if at := line.index - w.next; at < uint64(len(w.places)) { // not of a damaged segment
			w.places[at] = k + 1
		}
	}
	return true, nil
}

// pass yields the lines of the window.
func (w *lineWalk) pass() error {
	for _, k := range w.places {
		if k == 0 {
			return lineMissing(w.next)
		}
		if w.one(w.lines.line(k - 1)); w.ended {
			return nil
		}
	}
	return nil
}

// indexed appends to dst the rows whose index is from ≤ index < to, in the order
// of rows.
func (s *segmentBlock) indexed(dst []uint16, from, to uint64) []uint16 {
	var some [miniRows]int64
	for i := 0; i < s.n; i += miniRows {
		for k, d := range some[:s.indexes().read(some[:], i)] {
			if index := s.indexAt(i+k, d); index >= from && index < to {
				dst = append(dst, uint16(i+k))
			}
		}
	}
	return dst
}
