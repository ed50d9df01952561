package source

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/frame"
	"github.com/scaivault/audit/internal/vfs"
)

// Originals keeps lines of audit devices as they came, beside the log: all, or those
// of which an event may not hold everything. What it has kept is found by the SHA-256
// of the line, which is in the event. It is safe for concurrent use.
//
// The files are a row to which frames are only appended, one for all lines that one
// sync makes durable; their format is that of the journal ([journalFrames]), with two
// records in each frame:
//
//	index  (tenant: length uvarint, text | SHA-256 of the line, 32 bytes | size uvarint)*
//	lines  zstd of the lines, one after the other
//
// The oldest file is removed when the disk has less than 10 % free (at most 2 GiB);
// with nothing to remove no line is kept until there is room. Lines of a device that
// does not hash (log_raw) are never kept, nor those that have data and do not show
// that it does.
type Originals struct {
	fs     vfs.FS
	dir    string
	all    bool
	logger *slog.Logger
	zstd   *zstd.Encoder

	turns[originals]
	ids  []uint64 // of the files; the last is written; guarded by mu, as is full
	full bool     // the disk has no room

	// The file that is written, owned by run.
	file   vfs.File
	offset int64
}

// original is a line on its way to the disk.
type original struct {
	tenant audit.TenantID
	sum    [sha256.Size]byte
	size   int
	text   []byte
	packed bool // text is zstd already
}

// originals are what one sync makes durable.
type originals struct {
	lines []original
	bytes int
}

const (
	// wholeLine is the size in bytes up to which an event holds all of a line, if the
	// line has no oddities.
	wholeLine = 4 << 10
	// originalsSize is the size from which on a file is followed by the next.
	originalsSize = 64 << 20
	// originalsQueue bounds the bytes that wait for the disk.
	originalsQueue = 64 << 20
	// The free space below which the oldest file goes; the lower of the two counts.
	originalsShare = 10 // percent of the disk
	originalsBytes = 2 << 30

	originalsPrefix = "lines-"
	originalsSuffix = ".zst"
)

// OpenOriginals begins to keep lines in dir, which is made if there is none: all of
// them, or those that may be cut.
func OpenOriginals(fsys vfs.FS, dir string, all bool, logger *slog.Logger) (*Originals, error) {
	o := &Originals{fs: fsys, dir: dir, all: all, logger: logger, turns: newTurns[originals]()}
	var err error
	if o.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1)); err == nil {
		err = fsys.MkdirAll(dir)
	}
	if err == nil {
		o.ids, err = originalFiles(fsys, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("open originals %s: %w", dir, err)
	}
	o.Look()
	go o.run()
	return o, nil
}

// wants reports whether the original of a line is kept.
func (o *Originals) wants(e *entry) bool {
	return o != nil && !e.bare && (o.all || e.cut || e.size > wholeLine || len(e.request.userAgent) > audit.MaxUserAgent)
}

// keep puts a line into the open group, if it is to be kept.
func (o *Originals) keep(tenant audit.TenantID, e *entry, text []byte, packed bool) {
	if !o.wants(e) {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.full || o.err != nil || o.closed:
		return
	case o.open != nil && o.open.of.bytes > originalsQueue:
		o.logger.Warn("the disk is slow: the original of a vault line is not kept", "waiting_bytes", o.open.of.bytes)
		return
	}
	g := &o.join().of
	g.lines = append(g.lines, original{tenant, e.digest(), e.size, bytes.Clone(text), packed})
	g.bytes += len(text)
}

// wait returns nil once all that was kept so far is durable, and an error if nothing is
// kept any more.
func (o *Originals) wait(ctx context.Context) error {
	if o == nil {
		return nil
	}
	if err := o.failure(); err != nil {
		return err
	}
	return o.latest().wait(ctx)
}

// run writes lines until Close.
func (o *Originals) run() {
	defer close(o.stopped)
	for o.next(o.flush) {
	}
}

// flush makes lines durable.
func (o *Originals) flush(g *originals) error {
	err := o.fail(o.write(g), o.logger, "the originals of vault lines", "lines are refused")
	g.lines = nil // whoever remembers them needs the error only
	return err
}

// health returns why no line is taken until a restart, or nil.
func (o *Originals) health() error {
	if o == nil {
		return nil
	}
	return o.failure()
}

// write appends the frames of lines and syncs them.
func (o *Originals) write(g *originals) error {
	if o.file == nil || o.offset > originalsSize {
		if err := o.create(); err != nil {
			return err
		}
	}
	id := o.current()
	var short []original
	for _, l := range g.lines {
		if !l.packed {
			short = append(short, l)
			continue
		}
		if err := o.frame(id, []original{l}, l.text); err != nil {
			return err
		}
	}
	if len(short) > 0 {
		var text []byte
		for _, l := range short {
			text = append(text, l.text...)
		}
		if err := o.frame(id, short, o.zstd.EncodeAll(text, nil)); err != nil {
			return err
		}
	}
	// Dying here: any part of the frames may be there, and nobody was told.
	if err := o.file.Sync(); err != nil {
		return fmt.Errorf("sync originals %d: %w", id, err)
	}
	return nil
}

// frame writes one frame.
func (o *Originals) frame(id uint64, lines []original, packed []byte) error {
	var index []byte
	for _, l := range lines {
		index = append(appendText(index, string(l.tenant)), l.sum[:]...)
		index = binary.AppendUvarint(index, uint64(l.size))
	}
	f := make([]byte, frame.Header, frame.Header+len(index)+len(packed)+2*binary.MaxVarintLen64)
	f = appendText(appendText(f, string(index)), string(packed))
	journalFrames.Seal(f, id, o.offset)
	n, err := o.file.Write(f)
	o.offset += int64(n)
	if err != nil {
		return fmt.Errorf("write originals %d: %w", id, err)
	}
	return nil
}

func (o *Originals) current() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ids[len(o.ids)-1]
}

// create begins the next file. Its entry in the directory is durable before a frame is
// written to it.
func (o *Originals) create() error {
	o.mu.Lock()
	id := uint64(1)
	if len(o.ids) > 0 {
		id = o.ids[len(o.ids)-1] + 1
	}
	o.mu.Unlock()
	file, err := o.fs.Create(originalFile(o.dir, id))
	if err != nil {
		return err
	}
	if err := o.fs.SyncDir(o.dir); err != nil {
		return errors.Join(err, file.Close())
	}
	if o.file != nil {
		err = o.file.Close()
	}
	o.file, o.offset = file, 0
	o.mu.Lock()
	o.ids = append(o.ids, id)
	o.mu.Unlock()
	return err
}

// Look looks at the free space of the disk, and removes the oldest file if there is too
// little.
func (o *Originals) Look() {
	if o == nil {
		return
	}
	free, total, err := o.fs.Free(o.dir)
	if err != nil {
		return
	}
	short := free < min(total/100*originalsShare, originalsBytes)
	o.mu.Lock()
	var oldest uint64
	if short && len(o.ids) > 1 {
		oldest, o.ids = o.ids[0], o.ids[1:]
	}
	was := o.full
	o.full = short && oldest == 0
	now := o.full
	o.mu.Unlock()
	if oldest > 0 {
		err := o.fs.Remove(originalFile(o.dir, oldest))
		o.logger.Warn("the disk is nearly full: the oldest originals of vault lines were removed", "free_bytes", free, "file", oldest, "error", err)
	}
	if now && !was {
		o.logger.Warn("the disk is nearly full: no originals of vault lines are kept", "free_bytes", free)
	}
}

// Close makes what was kept durable.
func (o *Originals) Close() error {
	if o == nil || !o.shut() {
		return nil
	}
	err := o.zstd.Close()
	if o.file != nil {
		err = errors.Join(err, o.file.Close())
	}
	return err
}

// packer compresses a line that is read as a stream. A nil one does nothing.
type packer struct {
	buf  bytes.Buffer
	zstd *zstd.Encoder
}

// packer returns what packs a long line whose beginning was read, nil if none is kept.
func (o *Originals) packer(head []byte) *packer {
	if o == nil {
		return nil
	}
	p := new(packer)
	p.zstd, _ = zstd.NewWriter(&p.buf, zstd.WithEncoderConcurrency(1)) // the options are good
	p.Write(head)
	return p
}

// Write packs more of the line; it never fails.
func (p *packer) Write(part []byte) (int, error) {
	if p == nil {
		return len(part), nil
	}
	return p.zstd.Write(part)
}

func (p *packer) packed() []byte {
	if p == nil || p.zstd.Close() != nil {
		return nil
	}
	return p.buf.Bytes()
}

func originalFile(dir string, id uint64) string {
	return dir + "/" + fmt.Sprintf("%s%012d%s", originalsPrefix, id, originalsSuffix)
}

// originalFiles returns the ids of the files in dir, in order.
func originalFiles(fsys vfs.FS, dir string) (ids []uint64, err error) {
	names, err := fsys.List(dir)
	for _, name := range names {
		s, ok1 := strings.CutPrefix(name, originalsPrefix)
		s, ok2 := strings.CutSuffix(s, originalsSuffix)
		if id, err := strconv.ParseUint(s, 10, 64); ok1 && ok2 && err == nil {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, cmp.Compare[uint64])
	return ids, err
}

// Original returns the line with a SHA-256 that was kept in dir, and whose it is; the
// error is fs.ErrNotExist if there is none. It works beside a process that keeps lines.
// Progress is called with the number of files that were read and that there are.
func Original(fsys vfs.FS, dir string, sum [sha256.Size]byte, progress func(read, files int)) ([]byte, audit.TenantID, error) {
	ids, err := originalFiles(fsys, dir)
	if err != nil {
		return nil, "", err
	}
	slices.Reverse(ids)
	for i, id := range ids {
		progress(i, len(ids))
		content, err := vfs.ReadFile(fsys, originalFile(dir, id))
		if errors.Is(err, fs.ErrNotExist) { // removed since
			continue
		}
		if err != nil {
			return nil, "", err
		}
		records, _ := readFrames(content, id) // what is damaged is not there
		for ; len(records) > 1; records = records[2:] {
			text, tenant, err := originalIn(records[0], records[1], sum)
			if text != nil || err != nil {
				return text, tenant, err
			}
		}
	}
	return nil, "", fs.ErrNotExist
}

// originalIn returns the line with a SHA-256 of one frame, nil if it is not there.
func originalIn(index, packed []byte, sum [sha256.Size]byte) ([]byte, audit.TenantID, error) {
	r := recordReader{b: index}
	at := uint64(0)
	for len(r.b) > 0 {
		tenant := audit.TenantID(r.text())
		found := bytes.Equal(r.bytes(sha256.Size), sum[:])
		size := r.uint()
		if !found || r.bad {
			at += size
			continue
		}
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, "", err
		}
		defer d.Close()
		all, err := d.DecodeAll(packed, nil)
		if err != nil || at+size > uint64(len(all)) || sha256.Sum256(all[at:at+size]) != sum {
			return nil, "", fmt.Errorf("the original is damaged: %w", cmp.Or(err, errors.New("its SHA-256 is another")))
		}
		return all[at : at+size], tenant, nil
	}
	return nil, "", nil
}
