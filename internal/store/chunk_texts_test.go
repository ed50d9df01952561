package store

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestChunkTexts reads every row as it was added, after each row, also of those
// who looked before: nothing moves.
func TestChunkTexts(t *testing.T) {
	sizes := rapid.OneOf(rapid.IntRange(0, 3), rapid.IntRange(0, textPiece/numTexts), rapid.Just(textPiece/numTexts), rapid.Just(0))
	rapid.Check(t, func(t *rapid.T) {
		var x chunkTexts
		var rows [][numTexts]string
		var looked []string
		for n := range rapid.IntRange(0, 20).Draw(t, "rows") {
			var row [numTexts]string
			for k := range row {
				row[k] = strings.Repeat(string(rune('a'+(n*numTexts+k)%26)), sizes.Draw(t, "size"))
			}
			if n%2 == 0 {
				row[numTexts-1] += strings.Repeat("z", textPiece-len(strings.Join(row[:], ""))) // fills a piece
			}
			addTexts(&x, row)
			rows = append(rows, row)
			text, _ := x.row(n)
			looked = append(looked, string(text))
			for i, want := range rows {
				for k := range want {
					if got := string(x.at(i, k)); got != want[k] {
						t.Fatalf("row %d, text %d: %d bytes, want %d", i, k, len(got), len(want[k]))
					}
				}
				if text, ends := x.row(i); string(text) != looked[i] || int(ends[numTexts-1]) != len(text) {
					t.Fatalf("row %d moved", i)
				}
			}
		}
	})
}
