package store

import "slices"

// The columns whose values are interned: each value of a tenant's log is kept
// once and stands in the rows as its code, its number in order of arrival.
const (
	colIdentity = iota
	colType
	colPath
	colIP
	colAgent
	colAction
	numCols
)

// posted says which columns keep postings: the rows of each value.
var posted = [numCols]bool{colIdentity: true, colPath: true, colIP: true}

// dict interns the values of one column. The empty value has code 0 always,
// so that null needs no search.
type dict struct {
	codes  map[string]uint32
	met    [64]uint32 // codes of values that were added lately, each in the place of its slot
	values []string   // by code; append-only
	rows   [][]uint32 // by code, ascending, if the column is posted; append-only each
}

func newDict() dict {
	return dict{codes: map[string]uint32{"": 0}, values: []string{""}, rows: [][]uint32{nil}}
}

// add returns the code of v and, in a posted column, notes the row. The dict
// keeps a copy: v may alias a request.
func (d *dict) add(v string, row uint32, posted bool) uint32 {
	met := &d.met[slotOf(v)%uint(len(d.met))]
	code, ok := *met, d.values[*met] == v // mostly a busy one, which costs no hash
	if !ok {
		code, ok = d.codes[v]
	}
	if !ok {
		v = string(append([]byte(nil), v...))
		code = uint32(len(d.values))
		d.codes[v] = code
		d.values = append(d.values, v)
		if posted {
			d.rows = append(d.rows, nil)
		}
	}
	if *met = code; posted {
		d.rows[code] = append(d.rows[code], row)
	}
	return code
}

// slotOf returns a number that differs between most values of a column: their
// ends do.
func slotOf(v string) uint {
	n := len(v)
	if n < 4 {
		return uint(n)
	}
	return uint(n) + uint(v[n-1])*3 + uint(v[n-2])*7 + uint(v[n-4])*31 + uint(v[n/2])*13
}

// intersect returns the rows that stand in both lists, which ascend. It walks
// the shorter one and gallops through the longer one.
func intersect(a, b []uint32) []uint32 {
	if len(a) > len(b) {
		a, b = b, a
	}
	var both []uint32
	for _, row := range a {
		i := gallop(b, row)
		b = b[i:]
		if len(b) == 0 {
			break
		}
		if b[0] == row {
			both = append(both, row)
		}
	}
	return both
}

// gallop returns the place of the first element that is not below v.
func gallop(list []uint32, v uint32) int {
	step := 1
	for step < len(list) && list[step] < v {
		step *= 2
	}
	low := step / 2
	i, _ := slices.BinarySearch(list[low:min(step+1, len(list))], v)
	return low + i
}
