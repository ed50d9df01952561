package ui

import (
	"fmt"
	"strings"
)

// turns are the characters that change the direction of the text around them
// (Unicode Standard Annex 9): with them one value can look like another.
const turns = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"

// visible returns text as pages show it: each of the [turns] by its number. What
// one copies stays as it is stored.
func visible(s string) string {
	if !strings.ContainsAny(s, turns) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(turns, r) {
			fmt.Fprintf(&b, "⟨%U⟩", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
