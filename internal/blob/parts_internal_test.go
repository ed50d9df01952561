package blob

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPartsGrow writes the longest object there can be, in parts of one byte
// at first, and one byte more.
func TestPartsGrow(t *testing.T) {
	sizes := make(map[int]int) // parts by size
	total := 0
	p := parts{size: 1, send: func(n int, part []byte) error {
		sizes[len(part)]++
		total += len(part)
		return nil
	}}
	const longest = 1_000 * (1<<10 - 1)
	if n, err := p.Write(make([]byte, longest)); n != longest || err != nil {
		t.Fatalf("wrote %d, %v", n, err)
	}
	if err := p.flush(); err != nil {
		t.Fatal(err)
	}
	want := make(map[int]int)
	for i := range 10 {
		want[1<<i] = 1_000
	}
	if diff := cmp.Diff(want, sizes); diff != "" || total != longest {
		t.Errorf("%d bytes in parts (-want +got):\n%s", total, diff)
	}
	p.Write([]byte{0})
	if err := p.flush(); err == nil {
		t.Error("the part after the last: no error")
	}
}
