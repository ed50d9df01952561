package source

import (
	"bytes"
	"errors"
	"slices"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// scanner reads the tokens of a line that is in memory, as [decoder] does. It
// takes only what that takes, with the same result; what is rare as well as what
// is wrong is errOdd, and for the decoder to read, which alone makes error
// messages.
type scanner struct {
	text  []byte
	at    int
	first bool // a container was begun, and nothing of it is read
	depth int  // of containers
}

var errOdd = errors.New("not for the scanner")

// scannerDepth is how deeply containers may nest.
const scannerDepth = 64

func (s *scanner) space() {
	for s.at < len(s.text) && s.text[s.at] <= ' ' &&
		(s.text[s.at] == ' ' || s.text[s.at] == '\n' || s.text[s.at] == '\t' || s.text[s.at] == '\r') {
		s.at++
	}
}

// next returns the next byte, 0 at the end.
func (s *scanner) next() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

// take skips c, if it stands here.
func (s *scanner) take(c byte) bool {
	if s.next() != c {
		return false
	}
	s.at++
	return true
}

func (s *scanner) kind() jsontext.Kind {
	s.space()
	switch c := s.next(); c {
	case '{', '[', '"', 't', 'f', 'n':
		return jsontext.Kind(c)
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return '0'
	}
	return 0
}

func (s *scanner) begin() error {
	s.at++ // kind has looked at it
	s.first = true
	if s.depth++; s.depth > scannerDepth {
		return errOdd
	}
	return nil
}

func (s *scanner) more() bool {
	s.space()
	if c := s.next(); s.first {
		s.first = false
		return c != '}' && c != ']'
	}
	return s.take(',')
}

func (s *scanner) end(kind jsontext.Kind) error {
	if !s.take(byte(kind) + 2) { // '}' and ']' come two after '{' and '['
		return errOdd
	}
	s.depth--
	return nil
}

func (s *scanner) name() ([]byte, error) {
	s.space()
	name, ok := s.plain()
	if !ok {
		return nil, errOdd
	}
	if s.space(); !s.take(':') {
		return nil, errOdd
	}
	return name, nil
}

func (s *scanner) appendText(dst []byte) ([]byte, error) {
	start := s.at
	if s.next() != '"' {
		if !s.number() {
			return dst, errOdd
		}
		return append(dst, s.text[start:s.at]...), nil
	}
	if text, ok := s.plain(); ok {
		return append(dst, text...), nil
	}
	s.at = start
	if !s.string() {
		return dst, errOdd
	}
	dst, err := jsontext.AppendUnquote(dst, s.text[start:s.at])
	if err != nil {
		return dst, errOdd
	}
	return dst, nil
}

// plain reads a string of ASCII that stands for itself.
func (s *scanner) plain() (inner []byte, ok bool) {
	if !s.take('"') {
		return nil, false
	}
	start := s.at
	i := start
	for i < len(s.text) && plainBytes[s.text[i]] {
		i++
	}
	s.at = i
	return s.text[start:i], s.take('"')
}

// plainBytes are the characters of ASCII that stand for themselves in a string.
var plainBytes = func() (plain [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		plain[c] = c != '"' && c != '\\'
	}
	return plain
}()

// string skips a string, whose escapes are looked at by whoever unquotes it.
func (s *scanner) string() bool {
	for i := s.at + 1; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '\\':
			i++
		case c == '"':
			s.at = i + 1
			return true
		case c < ' ':
			return false
		}
	}
	return false
}

// number skips a number.
func (s *scanner) number() bool {
	s.take('-')
	if !s.take('0') && !s.digits() {
		return false
	}
	if s.take('.') && !s.digits() {
		return false
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		return s.digits()
	}
	return true
}

func (s *scanner) digits() bool {
	start := s.at
	for '0' <= s.next() && s.next() <= '9' {
		s.at++
	}
	return s.at > start
}

func (s *scanner) word(word string) bool {
	if !bytes.HasPrefix(s.text[s.at:], []byte(word)) {
		return false
	}
	s.at += len(word)
	return true
}

// literal skips what is neither a string nor a container.
func (s *scanner) literal() bool {
	switch s.next() {
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	}
	return s.number()
}

func (s *scanner) appendScalar(dst []byte) ([]byte, error) {
	start := s.at
	if !s.literal() {
		return dst, errOdd
	}
	return append(dst, s.text[start:s.at]...), nil
}

func (s *scanner) skip() error {
	kind := s.kind()
	switch kind {
	case '"':
		start := s.at
		if _, ok := s.plain(); ok {
			return nil
		}
		s.at = start
		_, err := s.appendText(nil)
		return err
	case '{', '[':
	default:
		if !s.literal() {
			return errOdd
		}
		return nil
	}
	err := s.begin()
	for err == nil && s.more() {
		if kind == '{' {
			_, err = s.name()
		}
		if err == nil {
			err = s.skip()
		}
	}
	if err != nil {
		return err
	}
	return s.end(kind)
}

func (s *scanner) finish() error {
	if s.space(); s.at < len(s.text) {
		return errOdd
	}
	return nil
}

// plainMembers is how many members of an object are compared pairwise.
const plainMembers = 16

// plainObject reads an object that is canonical as it stands, without white
// space and escapes, has at most limit bytes and whose values nest at most depth
// levels deep. If there is one, note sees its members; if not, nothing is read.
func (s *scanner) plainObject(limit, depth int, note func(name, value []byte)) (text []byte, ok bool) {
	var members [plainMembers]struct{ name, value []byte }
	start := s.at
	n := 0
	ok = s.plainMembers(depth, func(name, value []byte) {
		members[n].name, members[n].value = name, value
		n++
	})
	if text = s.text[start:s.at]; !ok || len(text) > limit {
		s.at = start
		return nil, false
	}
	for _, m := range members[:n] {
		note(m.name, m.value)
	}
	return text, true
}

// plainMembers reads the object of [scanner.plainObject].
func (s *scanner) plainMembers(depth int, member func(name, value []byte)) bool {
	if !s.take('{') {
		return false
	}
	if s.take('}') {
		return true
	}
	var names [plainMembers][]byte
	for n := range names {
		name, ok := s.plain()
		if !ok || !s.take(':') || slices.ContainsFunc(names[:n], func(other []byte) bool { return bytes.Equal(other, name) }) {
			return false
		}
		names[n] = name
		start := s.at
		if !s.plainValue(depth) {
			return false
		}
		member(name, s.text[start:s.at])
		if !s.take(',') {
			return s.take('}')
		}
	}
	return false
}

func (s *scanner) plainValue(depth int) bool {
	switch s.next() {
	case '"':
		_, ok := s.plain()
		return ok
	case '{':
		return depth > 0 && s.plainMembers(depth-1, func(_, _ []byte) {})
	case '[':
		return depth > 0 && s.plainArray(depth-1)
	}
	return s.literal()
}

func (s *scanner) plainArray(depth int) bool {
	s.at++
	if s.take(']') {
		return true
	}
	for s.plainValue(depth) {
		if !s.take(',') {
			return s.take(']')
		}
	}
	return false
}
