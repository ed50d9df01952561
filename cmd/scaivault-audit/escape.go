package main

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// visible returns s for a terminal. Whoever is audited chooses user agents and
// paths: what a terminal would obey (escape sequences), hide (zero width) or
// reorder (bidirectional overrides) is shown as an escape instead.
func visible(s string) string {
	if !strings.ContainsFunc(s, hidden) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[i])|0x100, 16)[1:])
		case hidden(r):
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
}

// hidden reports whether r is more or less than the glyph it shows. Spaces
// other than U+0020 are, too: two paths must not look the same.
func hidden(r rune) bool { return !unicode.IsPrint(r) }

// visibleJSON returns JSON text for a terminal: the same values, with escapes
// for what [visible] shows as one.
func visibleJSON(text []byte) []byte {
	var b []byte
	for i, r := range string(text) {
		switch {
		case r == utf8.RuneError && text[i] != 0xef:
			b = append(b, `\ufffd`...) // invalid UTF-8, which is not JSON anyway
		case r == '\n' || !hidden(r):
			b = utf8.AppendRune(b, r)
		case r > 0xffff:
			r -= 0x10000
			b = appendUnit(appendUnit(b, 0xd800|r>>10), 0xdc00|r&0x3ff)
		default:
			b = appendUnit(b, r)
		}
	}
	return b
}

func appendUnit(b []byte, unit rune) []byte {
	return append(append(b, `\u`...), strconv.FormatInt(int64(unit)|0x10000, 16)[1:]...)
}
