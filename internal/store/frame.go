package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/frame"
)

// A file of the write-ahead log is a header followed by frames ([frame.Magic]),
// each of which holds the batches that one sync made durable. Numbers are
// little-endian.
//
//	header  "SVAWAL" | format version u16 | log id u64 | file id u64 |
//	        size of the file before u64 | CRC-32C u32
//	payload section*
//	section tenant | first index | received at | key | digest and receipt, if
//	        the key is not empty | number of lines | line*
//
// Inside a section numbers are uvarints; texts are their length and their
// bytes; a digest is 32 bytes and a receipt JSON.
//
// A damaged end may be what a crash left of a frame nobody was told about; all
// other damage is damage. A frame without sections marks a clean end, after which
// nothing can be torn; whoever opens the log takes the mark away.
//
// The log's id tells a file of another log that got in between, the size of the
// file before one that lost its end. What stands for the only file, and the end
// of the last file, nothing vouches for but what was signed of the log.
const (
	walMagic   = "SVAWAL"
	walVersion = 1
	walHeader  = len(walMagic) + 2 + 3*8 + 4

	walFrames = frame.Magic("\xffSVF")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// head is the header of a file.
type head struct {
	log   uint64 // a random number, the same in all files of a log
	file  uint64
	prior uint64 // size of the file before, 0 if there is none
}

func (h head) append(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, walMagic...)
	dst = binary.LittleEndian.AppendUint16(dst, walVersion)
	for _, v := range []uint64{h.log, h.file, h.prior} {
		dst = binary.LittleEndian.AppendUint64(dst, v)
	}
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// readHead reads the header at the start of a file's content b. A later format
// version is an error of its own: the file is whole, and an older program must
// not touch it.
func readHead(b []byte) (head, error) {
	if len(b) < walHeader {
		return head{}, errors.New("header is cut off")
	}
	body, n := b[:walHeader-4], len(walMagic)
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(b[walHeader-4:]) ||
		!bytes.HasPrefix(body, []byte(walMagic)) {
		return head{}, errors.New("header is damaged")
	}
	if v := binary.LittleEndian.Uint16(body[n:]); v != walVersion {
		return head{}, fmt.Errorf("%w %d: this program reads version %d", errFormat, v, walVersion)
	}
	u := func(i int) uint64 { return binary.LittleEndian.Uint64(body[n+2+8*i:]) }
	return head{log: u(0), file: u(1), prior: u(2)}, nil
}

// halfMade reports whether a crash may have left b of a file that was being made:
// the start of a header, or zeros.
func halfMade(b []byte) bool {
	magic := walMagic[:min(len(b), len(walMagic))]
	return bytes.HasPrefix(b, []byte(magic)) || len(bytes.Trim(b, "\x00")) == 0
}

var errFormat = errors.New("unsupported format version")

// section is what one batch added to a tenant's log.
type section struct {
	tenant   audit.TenantID
	first    uint64 // index of the first line
	received audit.Time
	key      string // idempotency key; "" if the batch had none
	digest   [32]byte
	receipt  []byte // JSON of the answer, with a key
	count    int
	lines    []byte // the lines, each after its length
}

// appendSection appends what stands before a section's lines.
func appendSection(dst []byte, s *section) []byte {
	dst = appendText(dst, s.tenant)
	dst = binary.AppendUvarint(dst, s.first)
	dst = binary.AppendUvarint(dst, uint64(s.received))
	dst = appendText(dst, s.key)
	if s.key != "" {
		dst = append(dst, s.digest[:]...)
		dst = appendText(dst, string(s.receipt))
	}
	return binary.AppendUvarint(dst, uint64(s.count))
}

func appendText[S ~string](dst []byte, s S) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// reader reads the numbers and texts of a payload. After the first one that
// is cut off, bad is set and everything reads as zero.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) text() []byte { return r.bytes(r.uint()) }

// section reads the next section; its lines stay encoded.
func (r *reader) section() section {
	s := section{tenant: audit.TenantID(r.text()), first: r.uint(), received: audit.Time(r.uint())}
	if s.key = string(r.text()); s.key != "" {
		copy(s.digest[:], r.bytes(uint64(len(s.digest))))
		s.receipt = r.text()
	}
	n := r.uint()
	if n > audit.MaxBatch {
		r.bad = true
		return s
	}
	s.count = int(n)
	start := r.b
	for range s.count {
		r.text()
	}
	s.lines = start[:len(start)-len(r.b)]
	return s
}
