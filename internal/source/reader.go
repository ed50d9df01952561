package source

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

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
	name() ([]byte, error)                   // of a member; valid until the next call
	appendText(dst []byte) ([]byte, error)   // a string, unquoted, or a number as it is
	appendScalar(dst []byte) ([]byte, error) // a number, true, false or null as it is
	skip() error                             // a value
	finish() error                           // reads the end, after which nothing may come
}

// reader walks over the tokens of one line and keeps what it is asked for. A
// member whose value is of another type than expected is passed over: only
// malformed JSON is an error, and more than 10,000 levels of it. Strings that
// are not valid UTF-8 come with U+FFFD in place of what is not.
type reader struct {
	in   tokens
	kept int  // bytes that were kept
	cut  bool // whether something was not kept for its size or depth

	// The texts that were read, one after the other, and whose they are: [settle]
	// makes one string of all.
	texts  []byte
	places []place

	scratch []byte // for the value of one member
}

// place is where a text belongs.
type place struct {
	dst        *string
	list       *[]string // if dst is nil
	item       int       // of list
	start, end int       // of texts
}

// newReader reads a text that nobody has to read fast.
func newReader(text []byte) *reader { return &reader{in: newDecoder(bytes.NewBuffer(text))} }

// settle stores the texts where they belong.
func (r *reader) settle() {
	text := string(r.texts)
	for _, p := range r.places {
		if p.dst != nil {
			*p.dst = text[p.start:p.end]
		} else {
			(*p.list)[p.item] = text[p.start:p.end]
		}
	}
	r.texts, r.places = r.texts[:0], r.places[:0]
}

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
	if r.in.kind() != '{' {
		return r.in.skip()
	}
	err := r.in.begin()
	for err == nil && r.in.more() {
		var name string
		if name, err = r.name(); err == nil {
			err = member(name)
		}
	}
	if err == nil {
		err = r.in.end('{')
	}
	return err
}

// name reads the name of the next member. Those that are asked for cost no
// memory.
func (r *reader) name() (string, error) {
	name, err := r.in.name()
	if known, ok := memberNames[string(name)]; ok {
		return known, err
	}
	return string(name), err
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

// read reads a string, or a number as it is written, cut to [maxText], to the
// end of the texts, where it begins at start. Other values are passed over.
func (r *reader) read() (start int, ok bool, err error) {
	start = len(r.texts)
	switch r.in.kind() {
	case '"', '0':
	default:
		return start, false, r.in.skip()
	}
	if r.texts, err = r.in.appendText(r.texts); err != nil {
		return start, false, err
	}
	end := start + cutLen(r.texts[start:], maxText)
	r.kept += end - start
	r.cut = r.cut || end < len(r.texts)
	r.texts = r.texts[:end]
	return start, true, nil
}

// text reads a string, or a number as it is written, into dst, cut to
// [maxText]. It is there once the reader has settled.
func (r *reader) text(dst *string) error {
	start, ok, err := r.read()
	if ok {
		r.places = append(r.places, place{dst: dst, start: start, end: len(r.texts)})
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

// list reads an array of strings into dst, as many as [maxText] allows. They are
// there once the reader has settled.
func (r *reader) list(dst *[]string) error {
	l := textList{reader: r, items: dst}
	return r.array(func() error { return l.text() })
}

// values reads an array of strings, as many as [maxText] allows.
func (r *reader) values() (values []string, err error) {
	texts, places := len(r.texts), len(r.places)
	err = r.list(&values)
	for i, p := range r.places[places:] {
		values[i] = string(r.texts[p.start:p.end])
	}
	r.texts, r.places = r.texts[:texts], r.places[:places]
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
	start, _, err := l.read()
	n := len(l.texts) - start
	if l.size += n; l.size > maxText {
		l.cut = true
		l.texts = l.texts[:start]
	} else if n > 0 {
		l.places = append(l.places, place{list: l.items, item: len(*l.items), start: start, end: len(l.texts)})
		*l.items = append(*l.items, "")
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
		start := len(r.texts)
		r.texts, err = r.in.appendText(r.texts)
		s := r.texts[start:]
		r.texts = r.texts[:start]
		if err != nil || len(dst)+len(s) > limit {
			return dst, false, err
		}
		dst = audit.AppendString(dst, string(s))
	default:
		dst, err = r.in.appendScalar(dst)
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
			if name, err = r.name(); err != nil {
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

// cutLen returns how many bytes, at most n, whole characters of s have.
func cutLen(s []byte, n int) int {
	if len(s) <= n {
		return len(s)
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return n
}
