package store

import (
	"encoding/binary"
	"fmt"

	"github.com/scaivault/audit"
)

// words is the dictionary of a column, with what is counted by value. Code 0
// is "", whether it occurs or not.
//
// The bytes:
//
//	values, ranks  uint32 each: lengths of the first two parts
//	values   the dictionary
//	ranks    the ranking of the values by rows
type words struct {
	frontDict
	ranking ranking
	few     []string // the values if they are few, by code
}

// fewWords is how many values are kept as strings.
const fewWords = 32

// append appends the dictionary of the vocabulary.
func (v *vocabulary) append(dst []byte) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, 2*4)...)
	start := len(dst)
	dst = appendFrontDict(dst, v.values)
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-start))
	start = len(dst)
	dst = appendRanking(dst, v.counts)
	binary.LittleEndian.PutUint32(dst[at+4:], uint32(len(dst)-start))
	return dst
}

// openWords reads a dictionary of n values.
func openWords(b []byte, n int) (*words, error) {
	r := reader{b: b}
	values, ranks := r.uint32(), r.uint32()
	valueBytes, rankBytes := r.bytes(uint64(values)), r.bytes(uint64(ranks))
	if r.bad || len(r.b) > 0 {
		return nil, fmt.Errorf("dictionary of %d values in %d bytes", n, len(b))
	}
	w := &words{}
	var err error
	if w.frontDict, err = openFrontDict(valueBytes); err != nil {
		return nil, err
	}
	if w.n != n {
		return nil, fmt.Errorf("dictionary of %d values; want %d", w.n, n)
	}
	if w.ranking, err = openRanking(rankBytes, n); err != nil {
		return nil, err
	}
	if n <= fewWords {
		w.few = w.all()
	}
	return w, nil
}

// value returns the value of a code, "" if there is none.
func (w *words) value(code uint32) string {
	if int(code) < len(w.few) {
		return w.few[code]
	}
	return w.frontDict.value(code)
}

func (w *words) len() int { return w.n }

// within returns two ranges a prefix: a/b and, since a/b-x stands between them,
// what begins with a/b/.
func (w *words) within(prefixes []audit.Path) (set codeSet) {
	for _, prefix := range prefixes {
		if code, ok := w.find(string(prefix)); ok {
			set.add(code, code+1)
		}
		set.add(w.prefix(string(prefix) + "/"))
	}
	return set
}
