package proof

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

// The file of a range holds its trails, so that a proof need not read the range
// again. Everything in it follows from the events: what is missing or damaged is
// made again.
const (
	rangeMagic = "SVARNG"
	rangeEntry = 32 + 32 + 8 // key, value, count
	rangeHead  = len(rangeMagic) + 2
)

// errRangeFile says that the file of a range is damaged.
var errRangeFile = errors.New("the file of the range is damaged")

func rangeFile(dir string, r Range) string {
	return filepath.Join(dir, fmt.Sprintf("range-%d-%012d", r.Level, r.Number))
}

// encodeRange returns the content of the file: magic, format (u16), the entries
// by key, CRC-32C of all that and of whose and which range it is.
func encodeRange(tenant audit.TenantID, r Range, entries []trailEntry) []byte {
	b := make([]byte, 0, rangeHead+len(entries)*rangeEntry+4)
	b = binary.LittleEndian.AppendUint16(append(b, rangeMagic...), rangeFormat)
	for i := range entries {
		e := &entries[i]
		b = append(append(b, e.key[:]...), e.value[:]...)
		b = binary.LittleEndian.AppendUint64(b, e.count)
	}
	return binary.LittleEndian.AppendUint32(b, rangeCRC(tenant, r, b))
}

func rangeCRC(tenant audit.TenantID, r Range, content []byte) uint32 {
	crc := crc32.Checksum(content, castagnoli)
	return crc32.Update(crc, castagnoli, []byte(filepath.Base(rangeFile(string(tenant), r))+string(tenant)))
}

func decodeRange(tenant audit.TenantID, r Range, b []byte) ([]trailEntry, error) {
	n := len(b) - rangeHead - 4
	if n < 0 || n%rangeEntry != 0 || !bytes.HasPrefix(b, []byte(rangeMagic)) {
		return nil, errRangeFile
	}
	content := b[:rangeHead+n]
	if binary.LittleEndian.Uint16(b[len(rangeMagic):]) != rangeFormat ||
		binary.LittleEndian.Uint32(b[len(content):]) != rangeCRC(tenant, r, content) {
		return nil, errRangeFile
	}
	entries := make([]trailEntry, n/rangeEntry)
	for i := range entries {
		e, record := &entries[i], content[rangeHead+i*rangeEntry:]
		copy(e.key[:], record)
		copy(e.value[:], record[32:])
		e.count = binary.LittleEndian.Uint64(record[64:])
	}
	return entries, nil
}

// readRange returns what the file of a range holds. A range whose file is not
// there or not good is an error.
func readRange(fsys vfs.FS, dir string, tenant audit.TenantID, r Range) ([]trailEntry, error) {
	b, err := vfs.ReadFile(fsys, rangeFile(dir, r))
	if err != nil {
		return nil, err
	}
	return decodeRange(tenant, r, b)
}
