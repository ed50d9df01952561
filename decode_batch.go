package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// batchReader reads the events of a body.
type batchReader struct {
	body    string
	latest  Time
	single  bool // the body is one object
	batch   Batch
	refused []refusal
}

// refusal is a bad event.
type refusal struct {
	position int // among the events, counted from 0
	line     int
	err      *Error
}

// json reads a body that is one event or an array of events.
func (b *batchReader) json() error {
	switch start := strings.TrimLeft(b.body, blank); {
	case strings.HasPrefix(start, "["):
		return b.array(len(b.body) - len(start))
	case strings.HasPrefix(start, "{"):
		b.single = true
		e, err := decode(b.body, b.latest)
		if malformed(err) {
			return err
		}
		return b.add(1, e, err)
	}
	if err := checkSyntax(b.body); err != nil {
		return err
	}
	return Errorf(CodeInvalidRequest, "want an event or an array of events")
}

// malformed reports whether err says that a text is no JSON at all.
func malformed(err error) bool {
	_, is := errors.AsType[*json.SyntaxError](err)
	return is
}

// array reads the array whose bracket is at pos. As long as the quick reader
// takes every event the array needs no other look; with the first event that
// it leaves, the whole body is checked, so that the strict reader can walk.
func (b *batchReader) array(pos int) error {
	q := quick{text: b.body, pos: pos + 1}
	if q.take(']') {
		return b.close(q)
	}
	s := strict{text: b.body, depth: 1}
	for checked, n := false, 1; ; n++ {
		start := q.pos
		var e Event
		var err error
		if !q.event(&e, b.latest) {
			if !checked {
				if err := checkSyntax(b.body); err != nil {
					return err
				}
				checked = true
			}
			s.pos = start
			e, err = s.event(b.latest)
			q.pos = s.pos
		}
		if err := b.add(n, e, err); err != nil {
			return err
		}
		if q.take(',') {
			continue
		}
		if q.take(']') {
			return b.close(q)
		}
		return Errorf(CodeInvalidRequest, "malformed JSON at byte %d: want , or ] behind an event", q.pos)
	}
}

// close checks that the body ends with its array.
func (b *batchReader) close(q quick) error {
	if !q.end() {
		return Errorf(CodeInvalidRequest, "malformed JSON at byte %d: want nothing behind the array", q.pos)
	}
	return nil
}

// lines reads a body that holds one event per line.
func (b *batchReader) lines() error {
	n := 0
	for line := range strings.Lines(b.body) {
		n++
		if strings.Trim(line, blank) == "" {
			continue
		}
		e, err := decode(line, b.latest)
		if err := b.add(n, e, err); err != nil {
			return err
		}
	}
	return nil
}

// typicalLine is the length of most events in bytes, to guess their number by.
const typicalLine = 300

// add takes an event, or what is wrong with it. The line of events is their
// position until a blank or a bad one comes between.
func (b *batchReader) add(line int, e Event, err error) error {
	n := len(b.batch.Events) + len(b.refused)
	if n == MaxBatch {
		return Errorf(CodePayloadTooLarge, "the batch has more than %d events", MaxBatch)
	}
	if err == nil && e.ID.Reserved() {
		err = Invalid([]FieldError{{Field: "id", Message: "only the log gives ids that begin with " + RangePrefix}})
	}
	if err != nil {
		refused := refusal{position: n, line: line}
		if !errors.As(err, &refused.err) {
			return err
		}
		b.refused = append(b.refused, refused)
		return nil
	}
	if cap(b.batch.Events) == 0 {
		b.batch.Events = make([]Event, 0, min(MaxBatch, 1+len(b.body)/typicalLine))
	}
	if b.batch.Lines != nil || line != len(b.batch.Events)+1 {
		for i := len(b.batch.Lines); i < len(b.batch.Events); i++ {
			b.batch.Lines = append(b.batch.Lines, i+1)
		}
		b.batch.Lines = append(b.batch.Lines, line)
	}
	b.batch.Events = append(b.batch.Events, e)
	return nil
}

// result returns the batch; bad events refuse it unless it is partial.
func (b *batchReader) result(partial bool) (Batch, error) {
	if len(b.refused) > 0 && !partial {
		return Batch{}, b.err()
	}
	b.batch.Partial = partial
	for _, r := range b.refused {
		b.batch.Rejected = append(b.batch.Rejected, Rejection{
			Line: r.line, Code: r.err.Code, Message: r.err.Message,
			Fields: append([]FieldError{}, r.err.Fields...),
		})
	}
	return b.batch, nil
}

// err returns the error of a batch that is refused whole.
func (b *batchReader) err() error {
	if b.single {
		return b.refused[0].err
	}
	code := CodeValidationError
	var fields []FieldError
	for _, r := range b.refused {
		if r.err.Code == CodeInvalidRequest {
			code = CodeInvalidRequest
		}
		name := fmt.Sprintf("events[%d]", r.position)
		if len(r.err.Fields) == 0 {
			fields = append(fields, FieldError{Field: name, Message: r.err.Message})
		}
		for _, f := range r.err.Fields {
			fields = append(fields, FieldError{Field: name + "." + f.Field, Message: f.Message})
		}
	}
	message := fmt.Sprintf("%d of %d events are bad, the first because of %s: %s",
		len(b.refused), len(b.refused)+len(b.batch.Events), fields[0].Field, fields[0].Message)
	return &Error{Code: code, Message: message, Fields: fields}
}
