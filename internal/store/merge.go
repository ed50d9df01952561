package store

import (
	"errors"
	"fmt"
	"slices"

	"github.com/scaivault/audit"
)

// mergeFactor is how many segments of a size make one of the next: each event is
// written a few times more, and a log of n events has a few segments of each
// size up to mergeFactor times [Options.SealEvents], but for those of that size.
// Where these overlap, see overlap.go.
const mergeFactor = 4

// mergeSome merges small segments of logs, so many rows or a few more, and
// returns how many. If all is set, what is left small by the rule of mergeFactor
// is merged, too.
func (s *sealer) mergeSome(most int, all bool) (rows int, err error) {
	if s.store.space.check(s.store.opts.Clock()) != nil {
		return 0, nil // the room is needed to seal
	}
	var changes []change
	var errs []error
	for _, l := range s.store.allLogs() {
		of := s.mergeable(l, all)
		if len(of) == 0 {
			continue
		}
		c, err := s.merge(l, of)
		if errors.Is(err, errStopped) {
			break
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("merge segments %s to %s of %s: %w",
				rangeOf(of[0]), rangeOf(of[len(of)-1]), l.tenant, err))
			continue
		}
		changes = append(changes, c)
		if rows += c.segment.rows(); rows >= most {
			break
		}
	}
	if len(changes) == 0 {
		return 0, errors.Join(errs...)
	}
	if err := s.apply(changes); err != nil {
		return 0, errors.Join(append(errs, err)...)
	}
	for i := range changes {
		errs = append(errs, s.discard(changes[i].of))
	}
	return rows, errors.Join(errs...)
}

// mergeable returns segments of a log that are to be merged, or none.
func (s *sealer) mergeable(l *tenantLog, all bool) []*segment {
	most := mergeFactor * s.store.opts.SealEvents
	of := l.mergeable(mergeFactor, most)
	if len(of) == 0 {
		of = l.overlapping(most)
	}
	if len(of) == 0 && all {
		// A log that has little in several segments repeats its values in each.
		of = l.mergeable(2, s.store.opts.SealEvents)
	}
	return of
}

func rangeOf(s *segment) string { return fmt.Sprintf("%d-%d", s.indexes().From, s.indexes().To) }

// errStopped says that work was left because the store is closed.
var errStopped = errors.New("the store is closed")

// mergeable returns segments, least or more, that follow each other without a
// gap and of which none is much larger than the others, the smallest first; none
// if there are fewer. most is the size at which a segment is left alone.
func (l *tenantLog) mergeable(least, most int) []*segment {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if len(l.segments) < least {
		return nil
	}
	limit := 1
	for limit*mergeFactor < most {
		limit *= mergeFactor
	}
	for size := most / limit; size < most; size *= mergeFactor {
		// Segments of up to size rows, and those that are a little larger since
		// a batch is not divided.
		if run := runOf(l.segments, least, size+size/2, most); len(run) > 0 {
			return run
		}
	}
	return nil
}

// runOf returns the first segments in a row, least or more, that have at most
// size rows each, and together not many more than most.
func runOf(segments []*segment, least, size, most int) []*segment {
	first, rows := 0, 0
	for i, s := range segments {
		small := !s.alone && s.rows() <= size
		enough := i-first >= least
		if !small || i > first && (!s.follows(segments[i-1]) || enough && rows+s.rows() > most) {
			if enough {
				return segments[first:i]
			}
			first, rows = i, 0
		}
		if rows += s.rows(); !small {
			first, rows = i+1, 0
		}
	}
	if len(segments)-first >= least {
		return segments[first:]
	}
	return nil
}

// follows reports whether no index lies between two segments of one origin.
func (s *segment) follows(before *segment) bool {
	return before.footer.origin == s.footer.origin && before.indexes().To == s.indexes().From
}

// discard removes the files of segments that another one stands for. Dying
// before they are gone leaves files that the manifest does not name; recovery
// removes them.
func (s *sealer) discard(segments []*segment) error {
	var errs []error
	for _, old := range segments {
		info := old.info()
		old.release()
		errs = append(errs, s.store.fs.Remove(s.store.dir+"/"+info.file()))
	}
	return errors.Join(errs...)
}

// merge writes the segment of the rows of others. One of them that is damaged is
// left alone from then on, so that nothing is lost with it.
func (s *sealer) merge(l *tenantLog, of []*segment) (change, error) {
	segment, err := s.mergeAll(l.tenant, of)
	if audit.ErrorCode(err) == audit.CodeDataDamaged {
		var e *audit.Error
		for _, old := range of {
			old.alone = old.alone || errors.As(err, &e) && slices.Contains(e.Damaged, old.indexes())
		}
	}
	return change{log: l, segment: segment, of: of}, err
}

func (s *sealer) mergeAll(tenant audit.TenantID, of []*segment) (_ *segment, err error) {
	defer faulted(panicOnFault(), of, &err)
	for _, old := range of {
		// What is written anew gets new checksums: it has to be right.
		if err := old.verify(); err != nil {
			return nil, err
		}
	}
	rows := 0 // that were merged since events were sealed
	m, err := newMerger(of, func(n int) error {
		if rows += n; s.closing() {
			return errStopped
		}
		if rows < s.store.opts.SealEvents {
			return nil
		}
		rows = 0
		s.store.rollLargest()
		return s.sealFull() // what waits for it is in memory
	})
	if err != nil {
		return nil, err
	}
	return s.write(tenant, m)
}
