package audit

import "slices"

// quickNames are the names of the members of the objects around a place, the
// outermost first.
type quickNames struct {
	names [maxQuickNames]string
	n     int
}

// maxQuickNames is how many names are compared pairwise.
const maxQuickNames = 64

// extra reads an object that is canonical as it stands: without white space, in
// plain ASCII or with the shortest escapes, of numbers without exponents, and
// not too deep.
func (q *quick) extra() (string, bool) {
	q.space()
	start := q.pos
	var names quickNames
	ok := q.object(&names, MaxExtraDepth)
	return q.text[start:q.pos], ok
}

// object reads an object that, itself included, nests at most depth levels deep.
func (q *quick) object(outer *quickNames, depth int) bool {
	if depth == 0 || !q.next('{') {
		return false
	}
	if q.next('}') {
		return true
	}
	first := outer.n
	seen := uint64(0) // a bit for what some of the names have in common
	for outer.n < maxQuickNames {
		if !q.next('"') {
			return false
		}
		start := q.pos
		q.pos += PlainLen(q.text[start:])
		name := q.text[start:q.pos]
		if !q.next('"') || !q.next(':') {
			return false
		}
		bit := uint64(1) << (nameHash(name) % 64)
		if seen&bit != 0 && slices.Contains(outer.names[first:outer.n], name) {
			return false
		}
		seen |= bit
		outer.names[outer.n] = name
		outer.n++
		if !q.member(outer, depth-1) {
			return false
		}
		if !q.next(',') {
			outer.n = first
			return q.next('}')
		}
	}
	return false
}

// nameHash tells most of the names of an object apart.
func nameHash(name string) int {
	if name == "" {
		return 0
	}
	return len(name) + 7*int(name[0]) + 13*int(name[len(name)/2]) + 29*int(name[len(name)-1])
}

// member reads any value, which nests at most depth levels deep.
func (q *quick) member(outer *quickNames, depth int) bool {
	if q.pos == len(q.text) {
		return false
	}
	switch q.text[q.pos] {
	case '"':
		return q.escaped()
	case '{':
		return q.object(outer, depth)
	case '[':
		return q.array(outer, depth)
	case 't':
		return q.literal("true")
	case 'f':
		return q.literal("false")
	case 'n':
		return q.literal("null")
	}
	q.next('-')
	return q.integer() && (!q.next('.') || q.digits() > 0)
}

// array reads an array that, itself included, nests at most depth levels deep.
func (q *quick) array(outer *quickNames, depth int) bool {
	if depth == 0 || !q.next('[') {
		return false
	}
	if q.next(']') {
		return true
	}
	for q.member(outer, depth-1) {
		if !q.next(',') {
			return q.next(']')
		}
	}
	return false
}

// escaped reads a string of ASCII whose escapes are those of [AppendString],
// less those by number.
func (q *quick) escaped() bool {
	if !q.next('"') {
		return false
	}
	for {
		q.pos += PlainLen(q.text[q.pos:])
		if q.next('"') {
			return true
		}
		if !q.next('\\') || q.pos == len(q.text) {
			return false
		}
		switch q.text[q.pos] {
		case '"', '\\', 'b', 't', 'n', 'f', 'r':
			q.pos++
		default:
			return false
		}
	}
}
