package source

import (
	"errors"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/scaivault/audit"
)

// scanner reads the tokens of a line that is in memory, as [decoder] does. It
// takes only what that takes, with the same result; what is rare as well as what
// is wrong is errOdd, and for the decoder to read, which alone makes error
// messages.
type scanner struct {
	text  string
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

func (s *scanner) name() (string, error) {
	s.space()
	name, ok := s.plain()
	if !ok {
		return "", errOdd
	}
	if s.space(); !s.take(':') {
		return "", errOdd
	}
	return name, nil
}

// object is [reader.object].
func (s *scanner) object(member func(name string) error) error {
	if s.kind() != '{' {
		return s.skip()
	}
	err := s.begin()
	for err == nil && s.more() {
		var name string
		if name, err = s.name(); err == nil {
			err = member(name)
		}
	}
	if err != nil {
		return err
	}
	return s.end('{')
}

func (s *scanner) value() (string, error) {
	start := s.at
	if s.next() != '"' {
		if !s.number() {
			return "", errOdd
		}
		return s.text[start:s.at], nil
	}
	if text, ok := s.plain(); ok {
		return text, nil
	}
	s.at = start
	if !s.string() {
		return "", errOdd
	}
	text, err := jsontext.AppendUnquote(nil, s.text[start:s.at])
	if err != nil {
		return "", errOdd
	}
	return string(text), nil
}

// read reads a string, or a number as it is written. Other values are passed over.
func (s *scanner) read() (text string, ok bool, err error) {
	switch s.kind() {
	case '"', '0':
		text, err = s.value()
		return text, err == nil, err
	}
	return "", false, s.skip()
}

// plain reads a string of ASCII that stands for itself.
func (s *scanner) plain() (inner string, ok bool) {
	if !s.take('"') {
		return "", false
	}
	start := s.at
	s.at += audit.PlainLen(s.text[start:])
	return s.text[start:s.at], s.take('"')
}

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
	if !strings.HasPrefix(s.text[s.at:], word) {
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

func (s *scanner) scalar() (string, error) {
	start := s.at
	if !s.literal() {
		return "", errOdd
	}
	return s.text[start:s.at], nil
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
		_, err := s.value()
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

// plainMembers are the members of an object, which are compared pairwise.
type plainMembers [16]struct{ name, value string }

// plainObject reads an object that is canonical as it stands, without white
// space and escapes, has at most limit bytes and whose values nest at most depth
// levels deep. If there is one, note sees its members; if not, nothing is read.
func (s *scanner) plainObject(limit, depth int, note func(name, value string)) (text string, ok bool) {
	var members plainMembers
	start := s.at
	n, ok := s.plainMembers(&members, depth)
	if text = s.text[start:s.at]; !ok || len(text) > limit {
		s.at = start
		return "", false
	}
	for _, m := range members[:n] {
		note(m.name, m.value)
	}
	return text, true
}

// plainMembers reads the object of [scanner.plainObject] and returns how many
// members it has.
func (s *scanner) plainMembers(members *plainMembers, depth int) (n int, ok bool) {
	if !s.take('{') {
		return 0, false
	}
	if s.take('}') {
		return 0, true
	}
	for ; n < len(members); n++ {
		name, ok := s.plain()
		if !ok || !s.take(':') {
			return 0, false
		}
		for i := range members[:n] {
			if members[i].name == name {
				return 0, false
			}
		}
		start := s.at
		if !s.plainValue(depth) {
			return 0, false
		}
		members[n].name, members[n].value = name, s.text[start:s.at]
		if !s.take(',') {
			return n + 1, s.take('}')
		}
	}
	return 0, false
}

func (s *scanner) plainValue(depth int) bool {
	switch s.next() {
	case '"':
		_, ok := s.plain()
		return ok
	case '{':
		if depth == 0 {
			return false
		}
		var members plainMembers
		_, ok := s.plainMembers(&members, depth-1)
		return ok
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
