package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/scaivault/audit"
)

// reader walks over the tokens of one line and keeps what it is asked for. A
// member whose value is of another type than expected is passed over: only
// malformed JSON is an error, and more than 10,000 levels of it. Strings that
// are not valid UTF-8 come with U+FFFD in place of what is not.
type reader struct {
	dec  *jsontext.Decoder
	kept int  // bytes that were kept
	cut  bool // whether something was not kept for its size or depth

	scratch []byte // for the value of one member
}

func newReader(text []byte) *reader { return newStreamReader(bytes.NewBuffer(text)) }

func newStreamReader(in io.Reader) *reader {
	return &reader{dec: jsontext.NewDecoder(in,
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))}
}

// all reads an object that is all there is.
func (r *reader) all(member func(name string) error) error {
	err := r.object(member)
	if err == nil {
		if _, err = r.dec.ReadToken(); errors.Is(err, io.EOF) {
			return nil
		}
	}
	var syntax *jsontext.SyntacticError
	switch {
	case err == nil:
		return errors.New("text follows the object")
	case errors.As(err, &syntax):
		return fmt.Errorf("malformed JSON at byte %d: %w", syntax.ByteOffset, syntax.Err)
	}
	return fmt.Errorf("malformed JSON: %w", err)
}

// object reads the next value; for each member of an object it calls member,
// which has to read the member's value. Other values are passed over.
func (r *reader) object(member func(name string) error) error {
	if r.dec.PeekKind() != '{' {
		return r.dec.SkipValue()
	}
	_, err := r.dec.ReadToken()
	for err == nil && r.dec.PeekKind() != '}' {
		var name string
		if name, err = r.name(); err == nil {
			err = member(name)
		}
	}
	if err == nil {
		_, err = r.dec.ReadToken()
	}
	return err
}

// name reads the name of the next member. Those that are asked for cost no
// memory.
func (r *reader) name() (string, error) {
	raw, err := r.dec.ReadValue()
	if err != nil {
		return "", err
	}
	if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		if known, ok := memberNames[string(inner)]; ok {
			return known, nil
		}
		return string(inner), nil
	}
	text, err := jsontext.AppendUnquote(nil, raw)
	if err != nil && !utf8.Valid(raw) {
		err = nil // as the decoder, U+FFFD stands for what is not valid
	}
	return string(text), err
}

// array reads the next value; for each element of an array it calls element,
// which has to read it. Other values are passed over.
func (r *reader) array(element func() error) error {
	if r.dec.PeekKind() != '[' {
		return r.dec.SkipValue()
	}
	_, err := r.dec.ReadToken()
	for err == nil && r.dec.PeekKind() != ']' {
		err = element()
	}
	if err == nil {
		_, err = r.dec.ReadToken()
	}
	return err
}

// text reads a string, or a number as it is written, into dst, cut to
// [maxText].
func (r *reader) text(dst *string) error {
	switch r.dec.PeekKind() {
	case '"', '0':
		t, err := r.dec.ReadToken()
		if err != nil {
			return err
		}
		whole := t.String()
		*dst = cutText(whole, maxText)
		r.kept += len(*dst)
		r.cut = r.cut || len(*dst) < len(whole)
		return nil
	}
	return r.dec.SkipValue()
}

// flag reads a boolean into dst.
func (r *reader) flag(dst *bool) error {
	switch kind := r.dec.PeekKind(); kind {
	case 't', 'f':
		*dst = kind == 't'
	}
	return r.dec.SkipValue()
}

// texts reads an array of strings into dst, as many as [maxText] allows.
func (r *reader) texts(dst *[]string) error {
	l := textList{reader: r, items: dst}
	return r.array(func() error { return l.text() })
}

// textList takes the strings of an array as long as [maxText] allows.
type textList struct {
	*reader
	items *[]string
	size  int
}

// text reads the next string of the list.
func (l *textList) text() error {
	var s string
	err := l.reader.text(&s)
	if l.size += len(s); l.size > maxText {
		l.cut = true
	} else if s != "" {
		*l.items = append(*l.items, s)
	}
	return err
}

// canonical appends the canonical text of the next value, whose objects and
// arrays nest at most depth levels deep, as far as limit, the greatest length
// of dst, allows. Members that do not fit are left out, as are those that nest
// deeper and those whose name came before; ok is false if that holds for the
// value itself.
func (r *reader) canonical(dst []byte, limit, depth int) (out []byte, ok bool, err error) {
	switch kind := r.dec.PeekKind(); kind {
	case '{', '[':
		if depth == 0 {
			return dst, false, r.dec.SkipValue()
		}
		dst, err = r.container(append(dst, byte(kind)), limit-1, depth)
		dst = append(dst, byte(kind)+2) // '}' and ']' come two after '{' and '['
	case '"':
		t, err := r.dec.ReadToken()
		if err != nil {
			return dst, false, err
		}
		s := t.String()
		if len(dst)+len(s) > limit {
			return dst, false, nil
		}
		dst = audit.AppendString(dst, s)
	default:
		var v jsontext.Value
		v, err = r.dec.ReadValue()
		dst = append(dst, v...)
	}
	return dst, len(dst) <= limit, err
}

// container appends the inside of an object or array, whose opening bracket
// stands at the end of dst.
func (r *reader) container(dst []byte, limit, depth int) ([]byte, error) {
	isObject := dst[len(dst)-1] == '{'
	start := len(dst)
	var names []string // few, as the limit is small
	_, err := r.dec.ReadToken()
	for err == nil && r.dec.PeekKind() != '}' && r.dec.PeekKind() != ']' {
		mark, name, ok := len(dst), "", false
		if mark > start {
			dst = append(dst, ',')
		}
		if isObject {
			if name, err = r.name(); err != nil {
				break
			}
			dst = append(audit.AppendString(dst, name), ':')
		}
		dst, ok, err = r.canonical(dst, limit, depth-1)
		switch {
		case !ok || isObject && slices.Contains(names, name):
			dst, r.cut = dst[:mark], true
		case isObject:
			names = append(names, name)
		}
	}
	if err == nil {
		_, err = r.dec.ReadToken()
	}
	return dst, err
}
