package source

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/scaivault/audit"
)

// tokens are the tokens of a line of JSON. Whoever reads them asks for the kind
// of a value first; errors are of the syntax, or of whatever the line comes from.
type tokens interface {
	kind() jsontext.Kind // of the next value; 0 if there is none
	begin() error        // reads the bracket at the start of an object or array
	more() bool          // a member or element follows, or something malformed
	end(kind jsontext.Kind) error
	name() (string, error)   // of a member
	value() (string, error)  // a string, unquoted, or a number as it is
	scalar() (string, error) // a number, true, false or null as it is
	skip() error             // a value
	finish() error           // reads the end, after which nothing may come
}

// reader walks over the tokens of one line and keeps what it is asked for. A
// member whose value is of another type than expected is passed over: only
// malformed JSON is an error, and more than 10,000 levels of it. Strings that
// are not valid UTF-8 come with U+FFFD in place of what is not.
type reader struct {
	in   tokens
	fast *scanner // that in is; nil if it is another
	kept int      // bytes that were kept
	cut  bool     // whether something was not kept for its size or depth

	scratch []byte // for the value of one member
}

// newReader reads a text that nobody has to read fast.
func newReader(text []byte) *reader { return &reader{in: newDecoder(bytes.NewBuffer(text))} }

// all reads an object that is all there is.
func (r *reader) all(member func(name string) error) error {
	err := r.object(member)
	if err == nil {
		err = r.in.finish()
	}
	if err == nil || errors.Is(err, errOdd) || errors.Is(err, errFollows) {
		return err
	}
	return malformed(err)
}

func malformed(err error) error {
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		return fmt.Errorf("malformed JSON at byte %d: %w", syntax.ByteOffset, syntax.Err)
	}
	return fmt.Errorf("malformed JSON: %w", err)
}

// object reads the next value; for each member of an object it calls member,
// which has to read the member's value. Other values are passed over.
func (r *reader) object(member func(name string) error) error {
	if r.fast != nil {
		return r.fast.object(member)
	}
	if r.in.kind() != '{' {
		return r.in.skip()
	}
	err := r.in.begin()
	for err == nil && r.in.more() {
		var name string
		if name, err = r.in.name(); err == nil {
			err = member(name)
		}
	}
	if err == nil {
		err = r.in.end('{')
	}
	return err
}

// array reads the next value; for each element of an array it calls element,
// which has to read it. Other values are passed over.
func (r *reader) array(element func() error) error {
	if r.in.kind() != '[' {
		return r.in.skip()
	}
	err := r.in.begin()
	for err == nil && r.in.more() {
		err = element()
	}
	if err == nil {
		err = r.in.end('[')
	}
	return err
}

// read reads a string, or a number as it is written, cut to [maxText]. Other
// values are passed over.
func (r *reader) read() (text string, ok bool, err error) {
	if r.fast != nil {
		text, ok, err = r.fast.read()
	} else {
		switch r.in.kind() {
		case '"', '0':
			text, err = r.in.value()
			ok = err == nil
		default:
			err = r.in.skip()
		}
	}
	if len(text) > maxText {
		text, r.cut = strings.Clone(cutText(text, maxText)), true
	}
	r.kept += len(text)
	return text, ok, err
}

// text reads a string, or a number as it is written, into dst, cut to [maxText].
func (r *reader) text(dst *string) error {
	text, ok, err := r.read()
	if ok {
		*dst = text
	}
	return err
}

// flag reads a boolean into dst.
func (r *reader) flag(dst *bool) error {
	switch kind := r.in.kind(); kind {
	case 't', 'f':
		*dst = kind == 't'
	}
	return r.in.skip()
}

// list reads an array of strings into dst, as many as [maxText] allows.
func (r *reader) list(dst *[]string) error {
	l := textList{reader: r, items: dst}
	return r.array(func() error { return l.text() })
}

// values reads an array of strings, as many as [maxText] allows.
func (r *reader) values() (values []string, err error) {
	err = r.list(&values)
	return values, err
}

// textList takes the strings of an array as long as [maxText] allows.
type textList struct {
	*reader
	items *[]string
	size  int
}

// text reads the next string of the list.
func (l *textList) text() error {
	text, _, err := l.read()
	if l.size += len(text); l.size > maxText {
		l.cut = true
	} else if text != "" {
		*l.items = append(*l.items, text)
	}
	return err
}

// canonical appends the canonical text of the next value, whose objects and
// arrays nest at most depth levels deep, as far as limit, the greatest length
// of dst, allows. Members that do not fit are left out, as are those that nest
// deeper and those whose name came before; ok is false if that holds for the
// value itself.
func (r *reader) canonical(dst []byte, limit, depth int) (out []byte, ok bool, err error) {
	switch kind := r.in.kind(); kind {
	case '{', '[':
		if depth == 0 {
			return dst, false, r.in.skip()
		}
		dst, err = r.container(append(dst, byte(kind)), limit-1, depth)
		dst = append(dst, byte(kind)+2) // '}' and ']' come two after '{' and '['
	case '"':
		var s string
		if s, err = r.in.value(); err != nil || len(dst)+len(s) > limit {
			return dst, false, err
		}
		dst = audit.AppendString(dst, s)
	default:
		var s string
		s, err = r.in.scalar()
		dst = append(dst, s...)
	}
	return dst, len(dst) <= limit, err
}

// container appends the inside of an object or array, whose opening bracket
// stands at the end of dst.
func (r *reader) container(dst []byte, limit, depth int) ([]byte, error) {
	kind := jsontext.Kind(dst[len(dst)-1])
	start := len(dst)
	var names []string // few, as the limit is small
	err := r.in.begin()
	for err == nil && r.in.more() {
		mark, name, ok := len(dst), "", false
		if mark > start {
			dst = append(dst, ',')
		}
		if kind == '{' {
			if name, err = r.in.name(); err != nil {
				break
			}
			dst = append(audit.AppendString(dst, name), ':')
		}
		dst, ok, err = r.canonical(dst, limit, depth-1)
		switch {
		case !ok || kind == '{' && slices.Contains(names, name):
			dst, r.cut = dst[:mark], true
		case kind == '{':
			names = append(names, name)
		}
	}
	if err == nil {
		err = r.in.end(kind)
	}
	return dst, err
}
