package audit

// MaxBatch is the largest number of events of one batch.
const MaxBatch = 10_000

// Batch is what one request appends to a tenant's log.
type Batch struct {
	// Events are valid ([Event.Validate]), in the order in which they are to
	// be appended. An empty ID is derived, NoTime becomes the time of receipt.
	Events []Event
	// Lines holds the position of each event in its request, counted from 1;
	// nil if that is its position in Events.
	Lines []int
	// Partial stores the good events of a batch that has bad ones; otherwise
	// a batch is stored whole or not at all.
	Partial bool
	// Rejected are the events that the reader of a partial batch refused.
	Rejected []Rejection
	// Key, if not "", makes the batch repeatable: another batch with the same
	// key and Digest is not stored but answered with the first one's Receipt.
	Key string
	// Digest is the SHA-256 of the request's decoded body; used with Key.
	Digest [32]byte
}

// Line returns the position of event i in its request, counted from 1.
func (b *Batch) Line(i int) int {
	if b.Lines == nil {
		return i + 1
	}
	return b.Lines[i]
}

// Rejection says why one event of a batch was not stored.
type Rejection struct {
	Line    int          `json:"line"` // counted from 1
	Code    Code         `json:"code"`
	Message string       `json:"message"`
	Fields  []FieldError `json:"fields"`
}

// Receipt is the log's answer to a [Batch]: when it is given, every accepted
// event is on stable storage.
type Receipt struct {
	Accepted   int         `json:"accepted"`   // events stored by this batch
	Duplicates int         `json:"duplicates"` // events that the log held already
	Rejected   []Rejection `json:"rejected"`
	FirstIndex *uint64     `json:"first_index"` // of the accepted events; nil if none
	LastIndex  *uint64     `json:"last_index"`
	Replayed   bool        `json:"-"` // this is the first answer to the same key
}
