package source

import (
	"slices"
	"time"

	"github.com/scaivault/audit"
)

// maxMissing is how many gaps of a sequence are kept. Those that nobody was told of
// become one beyond it; of those that were told the oldest is forgotten.
const maxMissing = 64

// sequence is the numbers of one instance of a source, as far as they came. It
// follows from the events of the log, in the order of their indexes, and from nothing
// else but the clock.
//
// Of the numbers below High those in Missing are missing. A number that was there
// already is passed over, but for 0 and 1 with a later time than all others bear: then
// the producer counts anew, without naming a new instance.
type sequence struct {
	Source   string     `json:"source"`
	Instance string     `json:"instance,omitempty"`
	High     int64      `json:"high"`
	Latest   audit.Time `json:"latest"` // latest time of an event
	Heard    uint64     `json:"heard"`  // index of the latest event
	Missing  []missing  `json:"missing,omitempty"`
	Told     []gap      `json:"told,omitempty"`   // gaps that are in the log and not yet filled
	Filled   []gap      `json:"filled,omitempty"` // those of which the log is to be told that they are
}

// missing is a range of numbers that did not come.
type missing struct {
	From  int64         `json:"from"` // inclusive
	To    int64         `json:"to"`   // inclusive
	Count int64         `json:"count"`
	Next  audit.EventID `json:"next"`           // event that came in their place
	Told  audit.EventID `json:"told,omitempty"` // event that tells of it; "" before there is one
	Over  bool          `json:"over,omitempty"` // the producer counts anew since, so they will not come
	since time.Time
}

// whole reports whether all numbers of the range are missing.
func (m *missing) whole() bool { return m.Count == m.To-m.From+1 }

// gap is an event of the log that tells of missing numbers.
type gap struct {
	ID    audit.EventID `json:"id"`
	From  int64         `json:"from"`
	To    int64         `json:"to"`
	Count int64         `json:"count"`
}

// note takes the number of an event.
func (s *sequence) note(n int64, e *audit.Event, now time.Time) {
	later := e.Timestamp > s.Latest
	s.Latest = max(s.Latest, e.Timestamp)
	switch {
	case n > s.High:
		if n > s.High+1 {
			s.Missing = append(s.Missing, missing{From: s.High + 1, To: n - 1, Count: n - 1 - s.High, Next: e.ID, since: now})
			s.bound()
		}
		s.High = n
	case s.fill(n):
	case n <= 1 && later:
		s.restart()
		s.High = n
	}
}

// fill takes a number that may be missing, and reports whether it was.
func (s *sequence) fill(n int64) bool {
	i := slices.IndexFunc(s.Missing, func(m missing) bool { return !m.Over && m.From <= n && n <= m.To })
	if i < 0 {
		return false
	}
	m := s.Missing[i]
	switch {
	case !m.whole(): // several that became one: which of them it was is not known
		s.Missing[i].Count--
		if m.Count == 1 {
			s.Missing = slices.Delete(s.Missing, i, i+1)
		}
	default:
		var rest []missing
		if m.From < n {
			low := m
			low.To, low.Count = n-1, n-m.From
			rest = append(rest, low)
		}
		if n < m.To {
			m.From, m.Count = n+1, m.To-n
			rest = append(rest, m)
		}
		s.Missing = slices.Replace(s.Missing, i, i+1, rest...)
		s.bound()
	}
	s.settle()
	return true
}

// settle finds the gaps of which nothing is missing any more.
func (s *sequence) settle() {
	s.Told = slices.DeleteFunc(s.Told, func(g gap) bool {
		if slices.ContainsFunc(s.Missing, func(m missing) bool { return m.Told == g.ID }) {
			return false
		}
		s.Filled = append(s.Filled, g)
		return true
	})
}

// restart ends the count: what is missing of it will not come.
func (s *sequence) restart() {
	s.Missing = slices.DeleteFunc(s.Missing, func(m missing) bool { return m.Told != "" })
	for i := range s.Missing {
		s.Missing[i].Over = true
	}
	s.Told = nil
}

// bound keeps the number of gaps small.
func (s *sequence) bound() {
	for len(s.Missing) > maxMissing {
		if len(s.Told) > 0 {
			oldest := s.Told[0].ID
			s.Told = s.Told[1:]
			s.Missing = slices.DeleteFunc(s.Missing, func(m missing) bool { return m.Told == oldest })
			continue
		}
		s.join()
	}
}

// join makes one of the two latest gaps of the same count, of which the log is not
// told; without such two, each being of another count, the oldest is forgotten.
func (s *sequence) join() {
	for i := len(s.Missing) - 1; i > 0; i-- {
		if a, b := s.Missing[i-1], s.Missing[i]; a.Over == b.Over && a.To < b.From {
			a.To, a.Count, a.Next = b.To, a.Count+b.Count, b.Next
			s.Missing = slices.Replace(s.Missing, i-1, i+1, a)
			return
		}
	}
	s.Missing = slices.Delete(s.Missing, 0, 1)
}

// due returns the ranges of which the log is to be told: nobody was, and they were
// waited for long enough.
func (s *sequence) due(now time.Time, wait time.Duration) (list []missing) {
	for _, m := range s.Missing {
		if m.Told == "" && (m.Over || now.Sub(m.since) >= wait) {
			list = append(list, m)
		}
	}
	return list
}

// told notes that the log has an event which tells of a gap. Numbers of it may have
// come before that, or it may be of a count that is over.
func (s *sequence) told(g gap, next audit.EventID) {
	over := false
	s.Missing = slices.DeleteFunc(s.Missing, func(m missing) bool {
		mine := m.Over && m.Next == next && m.From == g.From
		over = over || mine
		return mine
	})
	if over || g.From > s.High {
		return
	}
	for i := range s.Missing {
		m := &s.Missing[i]
		switch {
		case m.Told != "" || m.Over || m.To < g.From || g.To < m.From:
		case g.From <= m.From && m.To <= g.To:
			m.Told = g.ID
		default: // it has become part of a larger one, of which the log is told again
			return
		}
	}
	s.Told = append(s.Told, g)
	s.settle()
}

// said notes that the log has an event which tells that a gap is filled.
func (s *sequence) said(id audit.EventID) {
	s.Filled = slices.DeleteFunc(s.Filled, func(g gap) bool { return g.ID == id })
}
