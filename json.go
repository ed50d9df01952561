package audit

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth is how deeply the objects and arrays of a request's JSON may nest.
const MaxDepth = 32

// blank is the white space of JSON (RFC 8259, section 2).
const blank = " \t\r\n"

// checkSyntax returns a [CodeInvalidRequest] if text is not one JSON value.
func checkSyntax(text string) error {
	b := []byte(text)
	if json.Valid(b) {
		return nil
	}
	err := json.Unmarshal(b, new(json.RawMessage)) // says what json.Valid does not
	var at int64
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		at = syntax.Offset
	}
	return Errorf(CodeInvalidRequest, "malformed JSON at byte %d: %w", at, err)
}

// strict walks over text that is known to be JSON, reads it into canonical
// text and notes what two parsers could read in two ways: duplicate names,
// invalid UTF-8 and lone surrogates (RFC 8259 leaves them open in sections 4,
// 8.1 and 8.2), all of which encoding/json mends in silence. The walk goes on
// after an error, so that it always ends behind the value.
type strict struct {
	text    string
	pos     int
	depth   int   // of objects and arrays around pos
	deepest int   // the greatest depth since it was last set
	err     error // the first one
}

func (s *strict) fail(format string, args ...any) {
	if s.err == nil {
		s.err = Errorf(CodeInvalidRequest, format, args...)
	}
}

// peek skips to the next token that matters and returns its first byte. In
// text that is JSON, commas and colons say nothing that brackets do not.
func (s *strict) peek() byte {
	for strings.IndexByte(blank+",:", s.text[s.pos]) >= 0 {
		s.pos++
	}
	return s.text[s.pos]
}

// value appends the canonical text of the next value: without white space,
// strings escaped as [AppendString] does, numbers and the order of members as
// they are.
func (s *strict) value(dst []byte) []byte {
	switch s.peek() {
	case '{':
		return s.object(dst)
	case '[':
		return s.array(dst)
	case '"':
		return AppendString(dst, s.string())
	}
	start := s.pos
	for s.pos < len(s.text) && strings.IndexByte(blank+",]}", s.text[s.pos]) < 0 {
		s.pos++
	}
	return append(dst, s.text[start:s.pos]...)
}

func (s *strict) object(dst []byte) []byte {
	dst = append(dst, '{')
	first := true
	s.members(func(name string) {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = AppendString(dst, name)
		dst = s.value(append(dst, ':'))
	})
	return append(dst, '}')
}

func (s *strict) array(dst []byte) []byte {
	dst = append(dst, '[')
	s.open()
	for first := true; s.peek() != ']'; first = false {
		if !first {
			dst = append(dst, ',')
		}
		dst = s.value(dst)
	}
	s.close()
	return append(dst, ']')
}

// members reads an object and calls read before the value of each member,
// which read has to walk over.
func (s *strict) members(read func(name string)) {
	seen := make(map[string]bool)
	s.open()
	for s.peek() != '}' {
		name := s.string()
		if seen[name] {
			s.fail("key %q stands twice in an object", clip(name))
		}
		seen[name] = true
		read(name)
	}
	s.close()
}

// objectMembers returns the canonical values of an object's members by their
// names. The text is known to be JSON.
func objectMembers(text string) (map[string]string, error) {
	s := strict{text: text}
	if s.peek() != '{' {
		return nil, Errorf(CodeInvalidRequest, "want a JSON object")
	}
	values := make(map[string]string)
	s.members(func(name string) { values[name] = string(s.value(nil)) })
	return values, s.err
}

func (s *strict) open() {
	s.pos++
	if s.depth++; s.depth > MaxDepth {
		s.fail("JSON nests more than %d levels deep", MaxDepth)
	}
	s.deepest = max(s.deepest, s.depth)
}

func (s *strict) close() {
	s.pos++
	s.depth--
}

// string reads the string at pos.
func (s *strict) string() string {
	start := s.pos
	for s.pos++; s.text[s.pos] != '"'; s.pos++ {
		if s.text[s.pos] == '\\' {
			s.pos++
		}
	}
	s.pos++
	raw := s.text[start:s.pos]
	if !utf8.ValidString(raw) {
		s.fail("string at byte %d is not valid UTF-8", start+1)
	}
	if loneSurrogate(raw) {
		s.fail("string at byte %d has half of a surrogate pair", start+1)
	}
	return unquote(raw)
}

// unquote returns what a JSON string stands for.
func unquote(raw string) string {
	if strings.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	var text string
	_ = json.Unmarshal([]byte(raw), &text) // cannot fail: raw is a JSON string
	return text
}

// loneSurrogate reports whether a JSON string holds a \u escape that is half
// of a surrogate pair without its other half beside it.
func loneSurrogate(raw string) bool {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		if i++; raw[i] != 'u' {
			continue
		}
		r := hexRune(raw[i+1:])
		i += 4
		if !utf16.IsSurrogate(r) {
			continue
		}
		next, ok := strings.CutPrefix(raw[i+1:], `\u`)
		if !ok || utf16.DecodeRune(r, hexRune(next)) == unicode.ReplacementChar {
			return true
		}
		i += 6
	}
	return false
}

// hexRune reads the four hex digits of a \u escape.
func hexRune(s string) rune {
	n, _ := strconv.ParseUint(s[:4], 16, 16) // cannot fail: s is from JSON text
	return rune(n)
}
