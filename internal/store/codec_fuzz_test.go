package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// The fuzz targets of the codecs. Each gives bytes to a codec in two ways: as
// what it reads, where anything may come out but a panic, a loop or more memory
// than the bytes can account for; and as values that it writes, which must come
// back.

// mostEntries is what the targets ask for: several mini-blocks.
const mostEntries = 3*miniRows + 5

// bounded runs read, which may allocate in proportion to the bytes and entries.
func bounded(t *testing.T, b []byte, n int, read func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	read()
	runtime.ReadMemStats(&after)
	if used, most := after.TotalAlloc-before.TotalAlloc, uint64(1<<18+100*len(b)+200*n); used > most {
		t.Fatalf("%d bytes, %d entries: %d bytes of memory, want at most %d", len(b), n, used, most)
	}
}

// int64s returns numbers made of bytes: by the first of them whole ones, or
// small ones with a few large among them.
func int64s(b []byte) []int64 {
	var list []int64
	for len(b) > 1 && len(list) < mostEntries {
		size := min(1+7*int(b[0]%2), len(b)-1)
		var whole [8]byte
		copy(whole[:], b[1:1+size])
		list = append(list, int64(binary.LittleEndian.Uint64(whole[:])))
		b = b[1+size:]
	}
	return list
}

// someInts are seeds: columns with and without exceptions.
func someInts() [][]int64 {
	lists := [][]int64{{}, {-1}, {1 << 62, -1 << 62}}
	var ascending, odd []int64
	for i := range int64(600) {
		ascending, odd = append(ascending, i*i), append(odd, i%9)
	}
	odd[7], odd[300] = 1<<40, -5
	return append(lists, ascending, odd)
}

func FuzzPacked(f *testing.F) {
	f.Add(appendPacked(nil, []uint64{1, 2, 3, 1 << 20}, 21), uint16(4), uint8(21))
	f.Add([]byte{}, uint16(9), uint8(0))
	f.Fuzz(func(t *testing.T, b []byte, n uint16, width uint8) {
		if p, err := openPacked(b, int(n), int(width)); err == nil {
			dst := make([]uint64, n)
			unpack(dst, &p, 0)
			for i, v := range dst {
				if got := p.get(i); got != v {
					t.Fatalf("entry %d: %d one by one, %d together", i, got, v)
				}
			}
		}
		width %= maxWidth + 1
		var want []uint64
		for _, v := range int64s(b) {
			want = append(want, uint64(v)&(1<<width-1))
		}
		p, err := openPacked(appendPacked(nil, want, int(width)), len(want), int(width))
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range want {
			if got := p.get(i); got != v {
				t.Fatalf("entry %d of %d bits: %d, want %d", i, width, got, v)
			}
		}
		checkFind(t, &p, want)
	})
}

// checkFind looks for values of an array and for one more, which it may not hold,
// from each of the first places on.
func checkFind(t *testing.T, p *packed, entries []uint64) {
	if p.width == 0 || p.width > 32 || len(entries) > chunkRows {
		return
	}
	sought := []uint32{uint32(p.mask)}
	for i := 0; i < len(entries) && len(sought) < mostSought; i += 1 + len(entries)/3 {
		sought = append(sought, uint32(entries[i]))
	}
	for from := range min(len(entries), 3*maxWidth) {
		to := len(entries) - from/3
		var want []uint16
		for i := from; i < to; i++ {
			if slices.Contains(sought, uint32(entries[i])) {
				want = append(want, uint16(i))
			}
		}
		if got := p.find(nil, sought, from, to); !slices.Equal(got, want) {
			t.Fatalf("%v in %d entries of %d bits from %d to %d: %v; want %v", sought, len(entries), p.width, from, to, got, want)
		}
	}
}

func FuzzInts(f *testing.F) {
	for _, list := range someInts() {
		f.Add(appendInts(nil, list), uint16(len(list)))
	}
	f.Fuzz(func(t *testing.T, b []byte, n uint16) {
		bounded(t, b, int(n), func() {
			if c, err := openInts(b, int(n)); err == nil {
				readInts(&c)
			}
		})
		want := int64s(b)
		c, err := openInts(appendInts(nil, want), len(want))
		if err != nil {
			t.Fatal(err)
		}
		one, together := readInts(&c)
		if !slices.Equal(one, want) || !slices.Equal(together, want) {
			t.Fatalf("%v one by one, %v together, want %v", one, together, want)
		}
	})
}

// readInts reads a column one by one and together.
func readInts(c *ints) (one, together []int64) {
	var some [100]int64
	for i := 0; i < c.n; {
		n := c.read(some[:], i)
		if n == 0 {
			break
		}
		together = append(together, some[:n]...)
		i += n
	}
	for i := range c.n {
		one = append(one, c.at(i))
	}
	return one, together
}

func FuzzSorted(f *testing.F) {
	for _, list := range someInts() {
		slices.Sort(list)
		f.Add(appendSorted(nil, list), uint16(len(list)), int64(50))
	}
	f.Fuzz(func(t *testing.T, b []byte, n uint16, v int64) {
		bounded(t, b, int(n), func() {
			if s, err := openSorted(b, int(n)); err == nil {
				readSorted(&s)
				if i := s.search(v, 0, s.n); i < 0 || i > s.n {
					t.Fatalf("search finds %d of %d", i, s.n)
				}
			}
		})
		want := int64s(b)
		slices.Sort(want)
		s, err := openSorted(appendSorted(nil, want), len(want))
		if err != nil {
			t.Fatal(err)
		}
		one, together := readSorted(&s)
		if !slices.Equal(one, want) || !slices.Equal(together, want) {
			t.Fatalf("%v one by one, %v together, want %v", one, together, want)
		}
		at, _ := slices.BinarySearch(want, v)
		if got := s.search(v, 0, len(want)); got != at {
			t.Fatalf("%d is found at %d of %v, want %d", v, got, want, at)
		}
	})
}

// readSorted reads a column one by one and together.
func readSorted(s *sorted) (one, together []int64) {
	var some [100]int64
	for i := 0; i < s.n; {
		n := s.read(some[:], i)
		if n == 0 {
			break
		}
		together = append(together, some[:n]...)
		i += n
	}
	for i := range s.n {
		one = append(one, s.at(i))
	}
	return one, together
}

func FuzzPostings(f *testing.F) {
	codes := make([]uint32, 3000)
	for i := range codes {
		codes[i] = uint32(i * i % 1000)
	}
	f.Add(appendPostings(nil, codes, 1000), uint16(len(codes)), uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, rows uint16, values uint8) {
		bounded(t, b, int(rows), func() {
			if p, err := openPostings(&paged{b: b}, int(rows)); err == nil {
				_, _ = p.lists(codeRange{0, 1})
				_, _ = p.lists(codeRange{0, 1 << 31})
			}
		})
		n := int(values) + 1
		var codes []uint32
		want := make([][]uint32, n)
		for i := range 8 * len(b) {
			code := uint32(int(b[i/8])+i) % uint32(n)
			codes = append(codes, code)
			want[code] = append(want[code], uint32(i))
		}
		p, err := openPostings(&paged{b: appendPostings(nil, codes, n)}, len(codes))
		if err != nil {
			t.Fatal(err)
		}
		for code, rows := range want {
			if len(rows)*listedUpTo > len(codes) {
				rows = nil
			}
			got, err := p.lists(codeRange{uint32(code), uint32(code) + 1})
			if err != nil || !slices.Equal(got, rows) {
				t.Fatalf("code %d is in the rows %v, %v; want %v", code, got, err, rows)
			}
		}
	})
}

func FuzzDict(f *testing.F) {
	var values []string
	for i := range 2000 {
		values = append(values, fmt.Sprintf("prod/app-%03d/%x", i/20, i*i*i))
	}
	slices.Sort(values)
	f.Add(appendFrontDict(nil, slices.Compact(values)), "prod/app-017")
	f.Add(appendFrontDict(nil, values[:40]), "")
	f.Fuzz(func(t *testing.T, b []byte, sought string) {
		// Each string may be sixteen pieces of eight bytes for each of its bytes.
		bounded(t, b, 8*blockRows*len(b), func() {
			if d, err := openFrontDict(b); err == nil {
				for code := range uint32(min(d.n, mostEntries)) {
					d.find(d.value(code))
				}
				d.find(sought)
				if lo, hi := d.prefix(sought); lo > uint32(d.n) || hi > uint32(d.n) {
					t.Fatalf("prefix finds %d to %d of %d", lo, hi, d.n)
				}
			}
		})
		values := strings.Split(string(b), "\x00")
		slices.Sort(values)
		values = slices.Compact(values)
		d, err := openFrontDict(appendFrontDict(nil, values))
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range values {
			if got := d.value(uint32(i)); got != v {
				t.Fatalf("string %d is %q, want %q", i, got, v)
			}
		}
		at, known := slices.BinarySearch(values, sought)
		if code, ok := d.find(sought); ok != known || code != uint32(at) {
			t.Fatalf("%q is found at %d, %v; want %d, %v", sought, code, ok, at, known)
		}
	})
}

func FuzzLookup(f *testing.F) {
	var keys []located
	for i := range uint32(300) {
		keys = append(keys, located{hashOf(fmt.Sprint(i % 250)), i % 7})
	}
	f.Add(appendLookup(nil, keys, 7, spareBits), uint64(1))
	f.Add(appendLookup(nil, nil, 7, spareBits), uint64(1))
	f.Fuzz(func(t *testing.T, b []byte, hash uint64) {
		bounded(t, b, 0, func() {
			if l, err := openLookup(&paged{b: b}); err == nil {
				blocks, _ := l.find(nil, hash)
				for _, block := range blocks {
					if block >= l.blocks {
						t.Fatalf("block %d of %d", block, l.blocks)
					}
				}
			}
		})
		want := make(map[uint64][]uint32)
		var keys []located
		for i, c := range bytes.ToLower(b[:min(len(b), mostEntries)]) {
			key := located{hashOf([]byte{c, byte(i / 64)}), uint32(i % 5)}
			if list := want[key.hash]; !slices.Contains(list, key.block) {
				want[key.hash] = append(list, key.block)
			}
			keys = append(keys, key)
		}
		l, err := openLookup(&paged{b: appendLookup(nil, keys, 5, spareBits)})
		if err != nil {
			t.Fatal(err)
		}
		for hash, blocks := range want {
			slices.Sort(blocks)
			if got, err := l.find(nil, hash); err != nil || !slices.Equal(got, blocks) {
				t.Fatalf("key %x is in the blocks %v, %v; want %v", hash, got, err, blocks)
			}
		}
	})
}

func FuzzRanking(f *testing.F) {
	f.Add(appendRanking(nil, []int64{0, 5, 1, 7, 5, 1}), uint16(6))
	f.Fuzz(func(t *testing.T, b []byte, n uint16) {
		bounded(t, b, int(n), func() {
			if r, err := openRanking(b, int(n)); err == nil {
				readRanking(&r)
				r.sum(codeRange{0, 1 << 31}, 1<<62)
			}
		})
		want := make([]int64, min(len(b), mostEntries))
		for i := range want {
			want[i] = int64(b[i] % 16)
		}
		r, err := openRanking(appendRanking(nil, want), len(want))
		if err != nil {
			t.Fatal(err)
		}
		got := make([]int64, len(want))
		before := int64(16)
		for _, c := range readRanking(&r) {
			if got[c.code] = c.count; c.count > before {
				t.Fatalf("%d stands behind %d", c.count, before)
			}
			before = c.count
		}
		if !slices.Equal(got, want) {
			t.Fatalf("counts %v, want %v", got, want)
		}
	})
}

type rankedCode struct {
	code  uint32
	count int64
}

// readRanking returns the values in their order.
func readRanking(r *ranking) (list []rankedCode) {
	r.all()
	for c := r.top(); ; {
		code, count, ok := c.next()
		if !ok {
			return list
		}
		list = append(list, rankedCode{code, count})
	}
}
