package store

import (
	"bytes"
	"encoding/binary"
	"io"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/frame"
	"github.com/scaivault/audit/internal/vfs"
)

// drawSection draws a section with any content that a section can have.
func drawSection(t *rapid.T) section {
	s := section{
		tenant:   audit.TenantID(rapid.String().Draw(t, "tenant")),
		first:    rapid.Uint64().Draw(t, "first"),
		received: audit.Time(rapid.Int64().Draw(t, "received")),
		key:      rapid.String().Draw(t, "key"),
	}
	if s.key != "" {
		copy(s.digest[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "digest"))
		s.receipt = rapid.SliceOf(rapid.Byte()).Draw(t, "receipt")
	}
	for _, l := range rapid.SliceOfN(rapid.String(), 0, 4).Draw(t, "lines") {
		s.lines = append(binary.AppendUvarint(s.lines, uint64(len(l))), l...)
		s.count++
	}
	return s
}

// TestSectionRoundTrip writes sections and reads them back; cut off anywhere,
// they are bad and not something else.
func TestSectionRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want []section
		var b []byte
		for range rapid.IntRange(1, 3).Draw(t, "sections") {
			s := drawSection(t)
			want = append(want, s)
			b = append(appendSection(b, &s), s.lines...)
		}
		r := reader{b: b}
		for i := range want {
			got := r.section()
			if r.bad || !equal(&want[i], &got) {
				t.Fatalf("section %d: bad %v, want %+v, got %+v", i, r.bad, want[i], got)
			}
		}
		if len(r.b) > 0 {
			t.Fatalf("%d bytes are left", len(r.b))
		}
		cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		r = reader{b: b[:cut:cut]}
		for range want {
			r.section()
		}
		if !r.bad {
			t.Fatalf("cut at %d of %d bytes, it reads well", cut, len(b))
		}
	})
}

func equal(a, b *section) bool {
	return a.tenant == b.tenant && a.first == b.first && a.received == b.received && a.key == b.key &&
		a.digest == b.digest && a.count == b.count &&
		bytes.Equal(a.receipt, b.receipt) && bytes.Equal(a.lines, b.lines)
}

func TestHeadRoundTrip(t *testing.T) {
	want := head{log: 1<<64 - 1, file: 7, prior: 1 << 40}
	b := want.append([]byte("x"))[1:]
	got, err := readHead(b)
	if err != nil || got != want || len(b) != walHeader {
		t.Errorf("head reads %+v (%v), want %+v", got, err, want)
	}
	for i := range b {
		b[i] ^= 0x10
		if got, err := readHead(b); err == nil {
			t.Errorf("with a flipped bit in byte %d it reads %+v", i, got)
		}
		b[i] ^= 0x10
	}
}

// TestMinLine checks that no canonical line is shorter than recovery believes:
// how many indexes damage may have cost depends on it.
func TestMinLine(t *testing.T) {
	e := audit.Event{ID: "log_x", Action: audit.ActionRead,
		IdentityType: audit.TypeUser, IdentityID: "x", Success: true}
	if n := len(e.AppendLine(nil)); n < minLine {
		t.Errorf("a line of %d bytes, minLine is %d", n, minLine)
	}
}

// FuzzReadFrames opens logs of one file: of arbitrary bytes, and of one frame
// with an arbitrary payload and a right CRC. Opening never panics, fails only
// for another format version, and takes memory in proportion to the file.
func FuzzReadFrames(f *testing.F) {
	e := audit.Event{ID: "log_x", Action: audit.ActionRead, IdentityType: audit.TypeUser, IdentityID: "x"}
	line := e.AppendLine(nil)
	s := section{tenant: "acme", first: 3, received: 5, key: "k", receipt: []byte(`{"accepted":1}`), count: 1}
	s.lines = append(binary.AppendUvarint(nil, uint64(len(line))), line...)
	payload := append(appendSection(nil, &s), s.lines...)
	f.Add([]byte{}, true)
	f.Add(payload, true)
	f.Add(append(payload, payload...), true)
	f.Add(payload[:len(payload)-1], true)
	file := fuzzFile(payload)
	f.Add(file, false)
	f.Add(file[:len(file)-1], false)
	f.Add(append(bytes.Clone(file), file[walHeader:]...), false)
	f.Fuzz(func(t *testing.T, b []byte, framed bool) {
		if framed {
			b = fuzzFile(b)
		}
		m := vfs.NewMem()
		if err := m.MkdirAll("/d"); err != nil {
			t.Fatal(err)
		}
		if err := vfs.WriteFile(m, "/d/"+walName(1), b); err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		first := fuzzOpen(t, m, b)
		runtime.ReadMemStats(&after)
		if used, most := after.TotalAlloc-before.TotalAlloc, uint64(1<<20+2000*len(b)); used > most {
			t.Errorf("opening %d bytes allocates %d, want at most %d", len(b), used, most)
		}
		if second := fuzzOpen(t, m, b); !cmp.Equal(first, second) {
			t.Errorf("opened twice, sizes differ (-first +second):\n%s", cmp.Diff(first, second))
		}
	})
}

// fuzzFile returns a file that holds one frame.
func fuzzFile(payload []byte) []byte {
	b := head{log: 1, file: 1}.append(nil)
	text := append(make([]byte, frame.Header), payload...)
	walFrames.Seal(text, 1, int64(len(b)))
	return append(b, text...)
}

// fuzzOpen opens a store, closes it and returns the size of each tenant's log.
func fuzzOpen(t *testing.T, m *vfs.Mem, b []byte) map[audit.TenantID]uint64 {
	s, err := Open(m, "/d", Options{
		Clock:  func() time.Time { return time.Unix(0, 0) },
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if h, headErr := readHead(b); err != nil && headErr == nil {
		t.Fatalf("open: %v (header %+v)", err, h)
	}
	if err != nil {
		return nil
	}
	sizes := make(map[audit.TenantID]uint64)
	for _, tenant := range s.Tenants() {
		sizes[tenant] = s.Size(tenant)
		_, err := s.Query(t.Context(), tenant, audit.Query{})
		if err != nil && audit.ErrorCode(err) != audit.CodeDataDamaged {
			t.Errorf("query: %v", err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return sizes
}
