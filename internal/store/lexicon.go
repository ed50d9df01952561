package store

import (
	"cmp"
	"slices"
	"strings"

	"github.com/scaivault/audit"
)

// lexicon is the values of a column of a part in the order of their bytes,
// numbered from 0 by rank. The empty value is the first.
type lexicon interface {
	// len is the number of values.
	len() int
	// code returns the code of the value of a rank.
	code(rank uint32) uint32
	// rank returns the rank of a value, or false and that of the next greater one.
	rank(value string) (rank uint32, ok bool)
	// beginning returns the ranks of the values that begin with a text.
	beginning(text string) codeRange
	// from returns a cursor before the value of a rank.
	from(rank uint32) lexCursor
}

// lexCursor goes through the values of a lexicon. What next returns stays as it
// is until the next call; beyond the last value it is nothing.
type lexCursor interface {
	next() []byte
}

// below returns the ranks of the paths at and below the prefixes, ascending.
func below(l lexicon, prefixes []audit.Path) []codeRange {
	var list []codeRange
	for _, prefix := range prefixes {
		if rank, ok := l.rank(string(prefix)); ok {
			list = append(list, codeRange{rank, rank + 1})
		}
		if r := l.beginning(string(prefix) + "/"); r.from < r.to {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b codeRange) int { return cmp.Compare(a.from, b.from) })
	disjoint := list[:0]
	for _, r := range list { // a prefix may lie below another one
		if n := len(disjoint); n > 0 && r.from < disjoint[n-1].to {
			disjoint[n-1].to = max(disjoint[n-1].to, r.to)
			continue
		}
		disjoint = append(disjoint, r)
	}
	return disjoint
}

// The words of a segment are their own lexicon.

func (w *words) lexicon() lexicon { return w }

func (w *words) code(rank uint32) uint32 { return rank }

func (w *words) rank(value string) (uint32, bool) { return w.find(value) }

func (w *words) beginning(text string) codeRange {
	lo, hi := w.prefix(text)
	return codeRange{lo, hi}
}

func (w *words) from(rank uint32) lexCursor { return &wordCursor{words: w, rank: rank} }

// wordCursor goes through the words of a segment.
type wordCursor struct {
	words *words
	rank  uint32 // of the next word
	text  text
	rest  []byte // the change to it
}

func (c *wordCursor) next() []byte {
	switch {
	case int(c.rank) >= c.words.n:
		return nil
	case c.rank%blockRows == 0 || c.text.d == nil:
		c.rest = c.text.open(&c.words.frontDict, c.text.b[:0], c.rank)
	default:
		c.rest = c.text.step(c.rest)
	}
	c.rank++
	return c.text.b
}

// tailLexicon is the values of a tail, which have codes in the order of arrival.
type tailLexicon struct {
	values []string // by code
	codes  []uint32 // by rank
}

func (d *tailDict) lexicon() lexicon {
	l := &tailLexicon{d.values, make([]uint32, len(d.values))}
	for code := range l.codes {
		l.codes[code] = uint32(code)
	}
	slices.SortFunc(l.codes, func(a, b uint32) int { return strings.Compare(l.values[a], l.values[b]) })
	return l
}

func (l *tailLexicon) len() int { return len(l.codes) }

func (l *tailLexicon) code(rank uint32) uint32 { return l.codes[rank] }

func (l *tailLexicon) rank(value string) (uint32, bool) {
	rank, ok := slices.BinarySearchFunc(l.codes, value, func(code uint32, value string) int {
		return strings.Compare(l.values[code], value)
	})
	return uint32(rank), ok
}

func (l *tailLexicon) beginning(text string) codeRange {
	lo, _ := l.rank(text)
	n, _ := slices.BinarySearchFunc(l.codes[lo:], true, func(code uint32, _ bool) int {
		if strings.HasPrefix(l.values[code], text) {
			return -1
		}
		return 1
	})
	return codeRange{lo, lo + uint32(n)}
}

func (l *tailLexicon) from(rank uint32) lexCursor { return &tailCursor{l, rank, nil} }

// tailCursor goes through the values of a tail.
type tailCursor struct {
	of   *tailLexicon
	rank uint32 // of the next value
	text []byte
}

func (c *tailCursor) next() []byte {
	if int(c.rank) >= c.of.len() {
		return nil
	}
	c.text = append(c.text[:0], c.of.values[c.of.codes[c.rank]]...)
	c.rank++
	return c.text
}
