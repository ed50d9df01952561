package audit

// DecodeEvent reads one event strictly from JSON text. Its strings alias line.
// Text that is not JSON, that two parsers could read in two ways (duplicate,
// unknown or wrong-case keys, invalid UTF-8, lone surrogates) or that goes on
// after the object is a [CodeInvalidRequest]; a value of the wrong type or
// against a rule is a [CodeValidationError] that lists every offender.
func DecodeEvent(line string) (Event, error) { return decode(line, MaxTime) }

// UnmarshalJSON reads what [DecodeEvent] accepts.
func (e *Event) UnmarshalJSON(b []byte) error {
	read, err := DecodeEvent(string(b))
	if err == nil {
		*e = read
	}
	return err
}

// decode reads one event that does not happen after latest. The quick reader
// only ever accepts; whatever it leaves is decided by the strict one.
func decode(text string, latest Time) (e Event, err error) {
	q := quick{text: text}
	if q.event(&e, latest) && q.end() {
		return e, nil
	}
	if err := checkSyntax(text); err != nil {
		return Event{}, err
	}
	s := strict{text: text}
	return s.event(latest)
}

// BatchForm is how a request's body holds its events.
type BatchForm int

// The forms of a batch.
const (
	FormJSON   BatchForm = iota // one object, or an array of objects
	FormNDJSON                  // one object per line; blank lines are skipped
)

// DecodeBatch reads the events of a body, whose text they alias. No event may
// happen after latest. A batch that is not partial is refused whole if one
// event is bad: the error lists the offenders of all of them, each field with
// the prefix "events[3]." (counted from 0) unless the body was one object. A
// partial batch keeps the good events and has the others in Rejected. More
// than [MaxBatch] events are a [CodePayloadTooLarge].
func DecodeBatch(form BatchForm, body string, latest Time, partial bool) (Batch, error) {
	return DecodeBatchInto(nil, form, body, latest, partial)
}

// DecodeBatchInto is [DecodeBatch] for whoever has memory for the events.
func DecodeBatchInto(events []Event, form BatchForm, body string, latest Time, partial bool) (Batch, error) {
	b := batchReader{body: body, latest: latest, batch: Batch{Events: events[:0]}}
	read := b.json
	if form == FormNDJSON {
		read = b.lines
	}
	if err := read(); err != nil {
		return Batch{}, err
	}
	return b.result(partial)
}
