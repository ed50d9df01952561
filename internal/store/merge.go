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
const mergeFactor = 4

// mergeOne merges the segments of one log, if any are to be merged.
func (s *sealer) mergeOne() (merged bool, err error) {
	if s.store.space.check(s.store.opts.Clock()) != nil {
		return false, nil // the room is needed to seal
	}
	for _, l := range s.store.allLogs() {
		of := l.mergeable(mergeFactor * s.store.opts.SealEvents)
		if len(of) == 0 {
			continue
		}
		err := s.merge(l, of)
		if errors.Is(err, errStopped) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("merge segments %s to %s of %s: %w",
				rangeOf(of[0]), rangeOf(of[len(of)-1]), l.tenant, err)
		}
		return true, nil
	}
	return false, nil
}

func rangeOf(s *segment) string { return fmt.Sprintf("%d-%d", s.indexes().From, s.indexes().To) }

// errStopped says that work was left because the store is closed.
var errStopped = errors.New("the store is closed")

// mergeable returns segments that follow each other without a gap and of which
// none is much larger than the others, the smallest first; none if there are
// fewer than mergeFactor. most is the size at which a segment is left alone.
func (l *tenantLog) mergeable(most int) []*segment {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if len(l.segments) < mergeFactor {
		return nil
	}
	limit := 1
	for limit*mergeFactor < most {
		limit *= mergeFactor
	}
	for size := most / limit; size < most; size *= mergeFactor {
		// Segments of up to size rows, and those that are a little larger since
		// a batch is not divided.
		if run := runOf(l.segments, size+size/2, most); len(run) > 0 {
			return run
		}
	}
	return nil
}

// runOf returns the first mergeFactor or more segments in a row that have at
// most size rows each, and together not many more than most.
func runOf(segments []*segment, size, most int) []*segment {
	first, rows := 0, 0
	for i, s := range segments {
		small := !s.alone && s.rows() <= size
		enough := i-first >= mergeFactor
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
	if len(segments)-first >= mergeFactor {
		return segments[first:]
	}
	return nil
}

// follows reports whether no index lies between two segments of one origin.
func (s *segment) follows(before *segment) bool {
	return before.footer.origin == s.footer.origin && before.indexes().To == s.indexes().From
}

// merge puts one segment into the place of others. One of them that is damaged
// is left alone from then on, so that nothing is lost with it.
func (s *sealer) merge(l *tenantLog, of []*segment) error {
	rows, err := s.gather(of)
	if err != nil {
		return err
	}
	segment, err := s.create(l.tenant, rows, of)
	if err != nil {
		return err
	}
	l.mu.Lock()
	at := slices.Index(l.segments, of[0])
	l.segments = slices.Replace(slices.Clone(l.segments), at, at+len(of), segment)
	l.mu.Unlock()
	return s.discard(of)
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

// gather reads the rows of segments.
func (s *sealer) gather(segments []*segment) (*segmentRows, error) {
	m := newMerger(segments[0].footer.origin)
	for _, of := range segments {
		// What is written anew gets new checksums: it has to be right.
		err := of.verify()
		if err == nil {
			err = m.add(of, s.closing)
		}
		if err != nil {
			of.alone = audit.ErrorCode(err) == audit.CodeDataDamaged
			return nil, err
		}
	}
	return m.rows(), nil
}
