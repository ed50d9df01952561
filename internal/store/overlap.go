package store

import "github.com/scaivault/audit"

// overlapFactor is how many segments of the size at which others are left alone
// are merged into one if they overlap in time: each event of a log that came out
// of order is written once more. A question opens a block of each segment that
// covers its time, so that it opens an eighth of them then; BenchmarkOverlap
// measures it, docs/operations.md has the figures. Segments that follow each other
// in time stay as they are.
//
// They are not sorted into segments that do not overlap: a segment is a range of
// indexes, which is what recovery, damage and evidence go by.
const overlapFactor = 8

// leastDepth is how many segments cover the time of a row of theirs, in the mean,
// from which on they overlap.
const leastDepth = 2

// overlapping returns segments of about size rows or fewer, and overlapFactor
// times as many together, that follow each other without a gap and overlap in
// time; none if there are not so many.
func (l *tenantLog) overlapping(size int) []*segment {
	l.mu.RLock()
	segments := l.segments // which nobody changes
	l.mu.RUnlock()
	for len(segments) > 0 {
		run := segments[:overlapRun(segments, size)]
		if rowsOf(run) >= (overlapFactor-1)*size && depth(run) >= leastDepth {
			return run
		}
		segments = segments[1:]
	}
	return nil
}

// overlapRun returns how many of the segments, from the first one on, may be merged
// into one.
func overlapRun(segments []*segment, size int) int {
	rows := 0
	for i, s := range segments {
		if s.alone || s.rows() > size+size/2 || i > 0 && !s.follows(segments[i-1]) ||
			rows+s.rows() > min(overlapFactor*size+size/2, maxSegmentRows) {
			return i
		}
		rows += s.rows()
	}
	return len(segments)
}

func rowsOf(segments []*segment) (rows int) {
	for _, s := range segments {
		rows += s.rows()
	}
	return rows
}

// depth returns how many of the segments cover the time of a row of theirs, in the
// mean.
func depth(segments []*segment) float64 {
	covered, rows := 0.0, 0
	for _, s := range segments {
		for _, other := range segments {
			covered += float64(s.rows()) * s.footer.middle.share(other.footer.middle)
		}
		rows += s.rows()
	}
	return covered / float64(rows)
}

// interval is the times from ≤ time ≤ to.
type interval struct{ from, to audit.Time }

// share returns how much of the interval lies in another, 0 to 1.
func (i interval) share(other interval) float64 {
	from, to := max(i.from, other.from), min(i.to, other.to)
	if from > to {
		return 0
	}
	return float64(to-from+1) / float64(i.to-i.from+1)
}

// middleOf returns the times of the rows without those of an eighth of the blocks
// at either end: events that come late do not make a segment one that overlaps.
func (f *footer) middleOf() (i interval) {
	n := f.numBlocks()
	i.from, _ = f.timesOf(n / 8)
	_, i.to = f.timesOf(n - 1 - n/8)
	return i
}
