package audit

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Path is the path of a secret: 1 to 512 bytes of printable UTF-8 in at most
// 32 segments, without leading, trailing or doubled '/', without segments "."
// and "..". The empty Path stands for null: an event that concerns no secret.
type Path string

const (
	// MaxPath is the longest path in bytes.
	MaxPath = 512
	// MaxSegments is the largest number of segments of a path.
	MaxSegments = 32
)

// ParsePath returns s as a path, or an error with [CodeInvalidPath] that names
// the broken rule.
func ParsePath(s string) (Path, error) {
	if rule := pathRule(s); rule != "" {
		return "", Errorf(CodeInvalidPath, "path %q: %s", clip(s), rule)
	}
	return Path(s), nil
}

// ParsePrefix reads a path prefix: a path, with or without a '/' at its end.
func ParsePrefix(s string) (Path, error) {
	return ParsePath(strings.TrimSuffix(s, "/"))
}

// Within reports whether p is prefix or lies below it, by whole segments:
// a/b holds a/b and a/b/c, not a/bc. Nothing lies within the empty Path.
func (p Path) Within(prefix Path) bool {
	return prefix != "" && strings.HasPrefix(string(p), string(prefix)) &&
		(len(p) == len(prefix) || p[len(prefix)] == '/')
}

// pathRule returns the rule that s breaks as a path, or "".
func pathRule(s string) string {
	if s == "" || len(s) > MaxPath {
		return fmt.Sprintf("want 1 to %d bytes", MaxPath)
	}
	if !printable(s) {
		return "want UTF-8 without control characters"
	}
	n := 0
	for segment := range strings.SplitSeq(s, "/") {
		switch n++; segment {
		case "":
			return "want no leading, trailing or doubled /"
		case ".", "..":
			return "want no segment . or .."
		}
	}
	if n > MaxSegments {
		return fmt.Sprintf("want at most %d segments", MaxSegments)
	}
	return ""
}

// printable reports whether s is valid UTF-8 without control characters and
// without the line separators U+2028 and U+2029.
func printable(s string) bool {
	s = s[PlainLen(s):]
	ascii := true
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == 0x7f {
			return false
		} else if c >= utf8.RuneSelf {
			ascii = false
		}
	}
	if ascii {
		return true
	}
	for _, r := range s {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return false
		}
	}
	return utf8.ValidString(s)
}
