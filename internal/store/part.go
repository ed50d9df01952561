package store

import (
	"github.com/scaivault/audit"
)

// part is a stretch of a tenant's log whose rows share dictionaries: what a
// reader sees of a tail, or a segment. Rows are numbered from 0; codes are the
// places of values in the part's dictionaries. Code 0 is the empty value.
//
// An error says that a piece of the part is damaged; it has
// [audit.CodeDataDamaged] and names the indexes.
type part interface {
	// rows is the number of rows.
	rows() int
	// indexes are the indexes that the rows have, From to To, in some order;
	// no row of another part has one of them.
	indexes() audit.IndexRange
	// times returns times that no row lies beyond.
	times() (least, most audit.Time)
	// dictionary returns the values of a column.
	dictionary(col int) (dictionary, error)
	// postings returns the rows of the codes of a range, ascending for each of
	// them. listed is false where the column or a value has no list, or where
	// there are too many to read: the rows are found by their codes.
	postings(col int, codes codeRange) (rows []uint32, listed bool, err error)
	// near returns the first row of a code from ≤ row < to, or the last; -1 if
	// there is none. listed is false as for postings.
	near(col int, code uint32, from, to int, last bool) (row int, listed bool, err error)
	// counted reports whether the rows are in the order of time, and the part
	// knows how often the values of a column occur in them (counts), how many
	// failed, and how many there are in each hour that has any, ascending.
	counted() bool
	counts(col int) (*ranking, error)
	failures() uint64
	hours() ([]hourCount, error)
	// requests returns the rows that may have the request id, ascending.
	requests(id string) ([]uint32, error)
	// producers returns the rows that have the producer's event id, ascending.
	producers(id string) ([]uint32, error)
	// rowOf returns the row that has the index.
	rowOf(index uint64) (row int, ok bool, err error)
	// blocks is the number of blocks: block n holds the rows from n<<chunkBits
	// on, chunkRows of them but in the last.
	blocks() int
	// bounds returns times that no row of block n lies beyond.
	bounds(n int) (least, most audit.Time)
	// block returns block n.
	block(n int) (block, error)
}

// dictionary is the values of a column by code.
type dictionary interface {
	// len is the number of codes.
	len() int
	// value returns the value of a code, find its inverse.
	value(code uint32) string
	find(value string) (code uint32, ok bool)
	// within returns the codes of the paths that lie within one of the
	// prefixes.
	within(prefixes []audit.Path) codeSet
	// lexicon returns the values in their order.
	lexicon() lexicon
}

// block is a run of rows of a part. Rows are numbered from 0 within the block.
type block interface {
	// len is the number of rows, base the row of the part that row 0 is.
	len() int
	base() int
	time(i int) audit.Time
	// index returns the index of a row in the log.
	index(i int) uint64
	code(col, i int) uint32
	success(i int) bool
	// outcomes appends to rows those from ≤ row < to that succeeded, or
	// failed.
	outcomes(rows []uint16, from, to int, success bool) []uint16
	// request and extra return the request id and the extra data of a row; the
	// bytes are not to be changed and not to be kept.
	request(i int) []byte
	extra(i int) []byte
	// codes returns the codes of all rows, in buf or in place.
	codes(col int, buf []uint32) []uint32
	// find appends to rows those from ≤ row < to whose code in a column is one of
	// codes, which occur in the part and are at most mostSought; ok is false if
	// reading all codes is as good.
	find(rows []uint16, col int, codes []uint32, from, to int) (found []uint16, ok bool)
	// times returns the times of all rows, in buf or in place.
	times(buf []audit.Time) []audit.Time
	// order returns the rows by (time, index); nil says that they are in order.
	order() []uint16
	// records appends the records of rows, in the order of rows.
	records(dst []audit.Record, rows []uint16) ([]audit.Record, error)
	// lines appends their canonical lines.
	lines(dst *lineList, rows []uint16) error
}
