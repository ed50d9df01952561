package store

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

// manifestName is the file that lists the segments. It is a line of JSON and a
// line with its CRC-32C in hex, and is replaced as a whole: a segment is part
// of the log from the moment at which the manifest names it.
const manifestName = "manifest"

const manifestFormat = 1

// manifest is the content of that file.
type manifest struct {
	Format   int           `json:"format"`
	FirstWAL uint64        `json:"first_wal"` // the files of the write-ahead log before it hold nothing
	Segments []segmentInfo `json:"segments"`
}

// segmentInfo says what is in a segment, as far as one needs to know that to
// do without opening it.
type segmentInfo struct {
	Tenant   audit.TenantID `json:"tenant"`
	From     uint64         `json:"from"` // its indexes: From ≤ index < To
	To       uint64         `json:"to"`
	Least    audit.Time     `json:"least"`    // the times of its events lie between
	Most     audit.Time     `json:"most"`     // Least and Most, inclusive
	Received audit.Time     `json:"received"` // the latest receipt
	Size     int64          `json:"size"`     // of the file in bytes
}

// file is the name of the segment's file below the store's directory.
func (i *segmentInfo) file() string {
	return fmt.Sprintf("%s/%012x-%012x%s", i.Tenant, i.From, i.To, segmentSuffix)
}

const segmentSuffix = ".seg"

// segmentOf is the inverse of file: what the name of a segment's file says of
// it.
func segmentOf(file string) (info segmentInfo, ok bool) {
	tenant, name, _ := strings.Cut(file, "/")
	info.Tenant = audit.TenantID(tenant)
	_, err := fmt.Sscanf(name, "%x-%x"+segmentSuffix, &info.From, &info.To)
	return info, err == nil && info.file() == file
}

// withSum returns a line and a line of its CRC-32C in hex.
func withSum(line []byte) []byte {
	return fmt.Appendf(nil, "%s\n%08x\n", line, crc32.Checksum(line, castagnoli))
}

// withoutSum is the inverse of withSum; ok is false if the sum is another one.
func withoutSum(b []byte) (line []byte, ok bool) {
	line, sum, _ := bytes.Cut(b, []byte("\n"))
	return line, string(sum) == fmt.Sprintf("%08x\n", crc32.Checksum(line, castagnoli))
}

// writeManifest replaces the manifest, durably.
func writeManifest(fsys vfs.FS, dir string, m *manifest) error {
	line, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	if err := vfs.WriteFile(fsys, dir+"/"+manifestName, withSum(line)); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	return nil
}

// errManifest is the error of a manifest that cannot be read.
var errManifest = errors.New("manifest is damaged")

// readManifest reads the manifest. The error of a store without one, as a new
// store is, wraps [fs.ErrNotExist].
func readManifest(fsys vfs.FS, dir string) (*manifest, error) {
	b, err := vfs.ReadFile(fsys, dir+"/"+manifestName)
	if err != nil {
		return nil, err
	}
	line, ok := withoutSum(b)
	if !ok {
		return nil, errManifest
	}
	m := new(manifest)
	if err := json.Unmarshal(line, m); err != nil {
		return nil, fmt.Errorf("%w: %w", errManifest, err)
	}
	if m.Format != manifestFormat {
		return nil, fmt.Errorf("%s: %w %d: this program reads format %d",
			manifestName, errFormat, m.Format, manifestFormat)
	}
	return m, nil
}

// with returns the manifest after changes.
func (m *manifest) with(changes []change) *manifest {
	next := *m
	gone := make(map[segmentInfo]bool)
	for i := range changes {
		for _, s := range changes[i].of {
			gone[s.info()] = true
		}
	}
	next.Segments = slices.DeleteFunc(slices.Clone(m.Segments), func(i segmentInfo) bool { return gone[i] })
	for i := range changes {
		next.Segments = append(next.Segments, changes[i].segment.info())
	}
	next.sort()
	return &next
}

// sort orders the segments by tenant and index.
func (m *manifest) sort() {
	slices.SortFunc(m.Segments, func(a, b segmentInfo) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.From, b.From))
	})
}
