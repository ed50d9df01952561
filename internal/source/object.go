package source

import (
	"slices"

	"github.com/scaivault/audit"
)

// payloadDepth is how deeply the data of a request or an answer may nest: it
// stands one level below the object of the extra data.
const payloadDepth = audit.MaxExtraDepth - 1

// object builds the canonical text of a JSON object of at most limit bytes.
type object struct {
	limit int
	buf   []byte   // without the closing brace
	names []string // few, as the limit is small
	cut   bool     // whether a member was left out
}

// add appends a member whose value is canonical text. One that does not fit or
// whose name the object has already is left out.
func (o *object) add(name string, value []byte) {
	mark := len(o.buf)
	if mark == 0 {
		o.buf = append(o.buf, '{')
	} else {
		o.buf = append(o.buf, ',')
	}
	o.buf = append(append(audit.AppendString(o.buf, name), ':'), value...)
	if len(o.buf) >= o.limit || slices.Contains(o.names, name) {
		o.buf, o.cut = o.buf[:mark], true
		return
	}
	o.names = append(o.names, name)
}

// close returns the text; without members, nothing.
func (o *object) close() []byte {
	if len(o.buf) == 0 {
		return nil
	}
	return append(o.buf, '}')
}

// String is the text that close returns.
func (o *object) String() string { return string(o.close()) }

// ignore is what [reader.keep] shows members to if nobody is curious.
func ignore(_, _ string) {}

// keep reads an object into dst as canonical text of at most limit bytes, and
// shows each member, whether it fits or not, to note.
func (r *reader) keep(dst *string, limit int, note func(name, value string)) error {
	if r.fast != nil {
		if text, ok := r.fast.plainObject(limit, payloadDepth-1, note); ok {
			r.take(dst, text, false)
			return nil
		}
	}
	o := object{limit: limit}
	err := r.object(func(name string) error {
		value, ok, err := r.canonical(r.scratch[:0], limit, payloadDepth-1)
		r.scratch = value
		if err != nil {
			return err
		}
		note(name, string(value))
		if ok {
			o.add(name, value)
		} else {
			o.cut = true
		}
		return nil
	})
	r.take(dst, o.String(), o.cut)
	return err
}

// take lets dst have the canonical text of an object; one without members is "".
func (r *reader) take(dst *string, object string, cut bool) {
	if object == "{}" {
		object = ""
	}
	*dst = object
	r.kept += len(object)
	r.cut = r.cut || cut
}

// shrink returns the canonical object without the members that do not fit into
// limit bytes; "" if none does.
func shrink(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	short := ""
	r := newReader([]byte(text))
	if err := r.keep(&short, limit, ignore); err != nil {
		return ""
	}
	return short
}

// appendTexts appends an array of strings.
func appendTexts(dst []byte, values []string) []byte {
	dst = append(dst, '[')
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = audit.AppendString(dst, v)
	}
	return append(dst, ']')
}
