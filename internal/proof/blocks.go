package proof

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

// The file of a tree has a header, and for each full block of 256 lines the
// root of its subtree, a node of level 8, and its finder, with a CRC that also
// covers whose and which block it is. All below is recomputed from lines, all above from it.
const (
	blockLevel = 8
	blockSize  = 1 << blockLevel // in leaves

	treeMagic   = "SVATRE"
	treeFormat  = 2
	treeHeader  = len(treeMagic) + 2 + 4 // magic, format, CRC of both
	blockRecord = blockBody + 4          // with a CRC
	blockBody   = len(Hash{}) + finderSize
)

// block is what is kept of a full block.
type block struct {
	root   Hash
	finder finder
}

// newBlock makes a block of its leaves, whose memory it uses.
func newBlock(leaves []Hash) block {
	f := newFinder(leaves)
	return block{fold(leaves), f}
}

// errFormat says that a file was written by a later version of the program.
var errFormat = errors.New("unknown format")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// blockFile is the file of a tree.
type blockFile struct {
	file   vfs.File
	tenant audit.TenantID
}

// appendRecord appends what stands in the file for a block.
func (f *blockFile) appendRecord(dst []byte, number uint64, b block) []byte {
	dst = b.finder.appendTo(append(dst, b.root[:]...))
	return binary.LittleEndian.AppendUint32(dst, blockCRC(f.tenant, number, dst[len(dst)-blockBody:]))
}

func blockCRC(tenant audit.TenantID, number uint64, body []byte) uint32 {
	var place [8]byte
	binary.LittleEndian.PutUint64(place[:], number)
	crc := crc32.Checksum(body, castagnoli)
	crc = crc32.Update(crc, castagnoli, place[:])
	return crc32.Update(crc, castagnoli, []byte(tenant))
}

// parse returns the block in a record; ok is false for a damaged one.
func (f *blockFile) parse(record []byte, number uint64) (b block, ok bool) {
	copy(b.root[:], record)
	b.finder = parseFinder(record[len(b.root):])
	return b, binary.LittleEndian.Uint32(record[blockBody:]) == blockCRC(f.tenant, number, record[:blockBody])
}

// read calls do with the records of count blocks, in order.
func (f *blockFile) read(first, count uint64, do func(number uint64, b block, ok bool) error) error {
	buf := make([]byte, count*uint64(blockRecord))
	n, err := f.file.ReadAt(buf, int64(treeHeader)+int64(first)*int64(blockRecord))
	if err != nil && (err != io.EOF || n < len(buf)) {
		return fmt.Errorf("read blocks %d to %d: %w", first, first+count, err)
	}
	for i := range count {
		b, ok := f.parse(buf[i*uint64(blockRecord):], first+i)
		if err := do(first+i, b, ok); err != nil {
			return err
		}
	}
	return nil
}

// openBlocks opens the file of that name, which need not be there: then file is
// nil. Whole is the number of records in it, whether they are good or not.
// Torn says that there is more, or that the header is damaged.
func openBlocks(fsys vfs.FS, name string, tenant audit.TenantID) (f *blockFile, whole uint64, torn bool,
	err error) {
	file, err := fsys.Append(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, false, nil
	}
	if err != nil {
		return nil, 0, false, err
	}
	f = &blockFile{file, tenant}
	whole, torn, err = f.measure()
	if err != nil {
		return nil, 0, false, errors.Join(err, file.Close())
	}
	return f, whole, torn, nil
}

func (f *blockFile) measure() (whole uint64, torn bool, err error) {
	size, err := f.file.Size()
	if err != nil {
		return 0, false, err
	}
	head := make([]byte, treeHeader)
	if _, err := f.file.ReadAt(head, 0); err != nil && err != io.EOF {
		return 0, false, err
	}
	format := binary.LittleEndian.Uint16(head[len(treeMagic):])
	switch want := newHeader(format); {
	case string(head) != string(want):
		torn = true
	case format < treeFormat:
		return 0, true, nil // all of it is made again
	case format > treeFormat:
		return 0, false, fmt.Errorf("%w %d of a tree: this program reads %d", errFormat, format, treeFormat)
	}
	if size < int64(treeHeader) {
		return 0, true, nil
	}
	records := size - int64(treeHeader)
	return uint64(records) / uint64(blockRecord), torn || records%int64(blockRecord) != 0, nil
}

func newHeader(format uint16) []byte {
	head := binary.LittleEndian.AppendUint16([]byte(treeMagic), format)
	return binary.LittleEndian.AppendUint32(head, crc32.Checksum(head, castagnoli))
}

// writeBlocks replaces the file of that name, durably, by one with the blocks
// that get returns, and opens it for appending.
func writeBlocks(fsys vfs.FS, dir, name string, tenant audit.TenantID, count uint64,
	get func(number uint64) (block, error)) (*blockFile, error) {
	temp := name + vfs.TempSuffix
	if err := fsys.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	file, err := fsys.Create(temp)
	if err != nil {
		return nil, err
	}
	f := &blockFile{file, tenant}
	if err := errors.Join(f.fill(count, get), file.Close()); err != nil {
		return nil, errors.Join(err, fsys.Remove(temp))
	}
	// A crash up to here leaves the old file and a temporary one.
	if err := fsys.Rename(temp, name); err != nil {
		return nil, err
	}
	if err := fsys.SyncDir(dir); err != nil {
		return nil, err
	}
	if f.file, err = fsys.Append(name); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *blockFile) fill(count uint64, get func(number uint64) (block, error)) error {
	w := bufio.NewWriter(f.file)
	_, _ = w.Write(newHeader(treeFormat)) // w keeps the error
	var record []byte
	for number := range count {
		b, err := get(number)
		if err != nil {
			return err
		}
		record = f.appendRecord(record[:0], number, b)
		_, _ = w.Write(record)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.file.Sync()
}
