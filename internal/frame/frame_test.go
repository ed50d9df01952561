package frame_test

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/scaivault/audit/internal/frame"
)

const magic = frame.Magic("\xffSVX")

// TestPlace seals a frame for one place of one file: it is good there and
// nowhere else.
func TestPlace(t *testing.T) {
	sealed := append(make([]byte, frame.Header), "payload"...)
	magic.Seal(sealed, 3, 5)
	b := append([]byte("12345"), sealed...)
	if got := magic.At(b, 3, 5); !bytes.Equal(got, sealed) {
		t.Errorf("frame reads %q", got)
	}
	if at := magic.Next(b, 3, -1); at != 5 {
		t.Errorf("next frame at %d, want 5", at)
	}
	for name, got := range map[string][]byte{
		"other file":   magic.At(b, 4, 5),
		"other offset": magic.At(b[1:], 3, 4),
		"other magic":  frame.Magic("\xffSVY").At(b, 3, 5),
		"cut off":      magic.At(b[:len(b)-1], 3, 5),
		"too early":    magic.At(b, 3, 4),
		"at the end":   magic.At(b, 3, len(b)),
	} {
		if got != nil {
			t.Errorf("%s: reads %q", name, got)
		}
	}
	if at := magic.Next(b, 3, 5); at != -1 {
		t.Errorf("another frame at %d", at)
	}
}

// TestFile writes frames one after the other, flips a bit of one of them, and
// reads all others back.
func TestFile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.Uint64().Draw(t, "id")
		var b []byte
		var want [][]byte
		for _, payload := range rapid.SliceOfN(rapid.SliceOf(rapid.Byte()), 1, 4).Draw(t, "payloads") {
			sealed := append(make([]byte, frame.Header), payload...)
			magic.Seal(sealed, id, int64(len(b)))
			b, want = append(b, sealed...), append(want, sealed)
		}
		broken := rapid.IntRange(0, len(want)-1).Draw(t, "broken")
		start := len(bytes.Join(want[:broken], nil))
		bit := rapid.IntRange(0, 8*len(want[broken])-1).Draw(t, "bit")
		b[start+bit/8] ^= 1 << (bit % 8)
		var got [][]byte
		for at := magic.Next(b, id, -1); at >= 0; at = magic.Next(b, id, at) {
			got = append(got, magic.At(b, id, at))
		}
		want = append(want[:broken:broken], want[broken+1:]...)
		if len(got) != len(want) || !bytes.Equal(bytes.Join(got, nil), bytes.Join(want, nil)) {
			t.Fatalf("read %q, want %q", got, want)
		}
	})
}
