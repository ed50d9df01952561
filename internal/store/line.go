package store

import "github.com/scaivault/audit"

// lineList is canonical lines, one after the other, without line ends.
type lineList struct {
	text []byte
	at   []lineAt
}

// lineAt is where the event of a line stands in the log, and the line in the
// text: it begins where the one before ends.
type lineAt struct {
	place
	end int
}

// clear empties the list; what it held may be written over.
func (l *lineList) clear() { l.text, l.at = l.text[:0], l.at[:0] }

// line returns the k-th line.
func (l *lineList) line(k int) []byte {
	start, end := 0, l.at[k].end
	if k > 0 {
		start = l.at[k-1].end
	}
	return l.text[start:end:end]
}

// add appends the line of a record.
func (l *lineList) add(r *audit.Record) {
	l.text = r.AppendLine(l.text)
	l.end(place{r.Timestamp, r.Index})
}

// end notes that the text ends a line.
func (l *lineList) end(p place) { l.at = append(l.at, lineAt{p, len(l.text)}) }
