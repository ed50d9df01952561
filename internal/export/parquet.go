package export

import (
	"cmp"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	pages "github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/scaivault/audit"
)

// row is the schema of Parquet files: the fields of an event in their order.
// What may be absent is a pointer: the library's versions do not agree on
// whether an empty string in an optional column is null.
type row struct {
	ID           string  `parquet:"id,delta"`
	Timestamp    int64   `parquet:"timestamp,timestamp(microsecond:utc),delta"`
	Action       string  `parquet:"action,dict"`
	IdentityType string  `parquet:"identity_type,dict"`
	IdentityID   string  `parquet:"identity_id,dict"`
	SecretPath   *string `parquet:"secret_path,optional,dict"`
	SourceIP     *string `parquet:"source_ip,optional,dict"`
	UserAgent    string  `parquet:"user_agent,dict"`
	Success      bool    `parquet:"success"`
	DurationMS   int64   `parquet:"duration_ms,delta"`
	RequestID    string  `parquet:"request_id"`
	ExtraData    string  `parquet:"extra_data,json"`
}

const (
	// A row group ends at groupRows events or at groupBytes of memory, which
	// hold its compressed pages and its dictionaries: about a million usual
	// events, fewer if each has names of its own.
	groupRows  = 1 << 20
	groupBytes = 24 << 20
	// pageBytes is the size of a page before compression.
	pageBytes = 128 << 10
	// dictBytes is the size of a column's dictionary at which values become plain
	// for the rest of the row group: a column of names that hardly repeat.
	dictBytes = 1 << 20
	// Pages of all columns end at openBytes of text, so that a column of long
	// names is noticed before its dictionary is large.
	openBytes = 8 << 20
	// A batch of events goes to the columns at batchRows or at batchBytes of text.
	batchRows  = 256
	batchBytes = 64 << 10
	// rowBytes is what an event costs beside its texts, at most.
	rowBytes = 96
)

// pageCodec compresses pages with zstd as the library's own codec does, but with
// a small window, whose buffers stay small.
type pageCodec struct {
	pages.Codec // reads
	zstd        *zstd.Encoder
}

func newPageCodec() (*pageCodec, error) {
	z, err := newZstd(nil)
	return &pageCodec{zstd: z}, err
}

// Encode compresses src into dst.
func (c *pageCodec) Encode(dst, src []byte) ([]byte, error) {
	return c.zstd.EncodeAll(src, dst[:0]), nil
}

// columns encodes events as a Parquet file.
type columns struct {
	w     *parquet.GenericWriter[row]
	batch []row
	texts strings.Builder // the strings of the batch are parts of it
	rows  int             // of the open row group
	open  int             // bytes of text since the pages of all columns ended
	begin int64           // where in the file the open row group begins
	size  int64           // of the file without the batch, at most
}

func newColumns(out *output) (*columns, error) {
	codec, err := newPageCodec()
	if err != nil {
		return nil, err
	}
	w := parquet.NewGenericWriter[row](out,
		parquet.Compression(codec),
		parquet.PageBufferSize(pageBytes),
		parquet.DictionaryMaxBytes(dictBytes),
		parquet.DataPageVersion(1),        // the one that every reader knows
		parquet.DataPageStatistics(false), // the index of pages has them
		// By default the version of a library, which must not change the bytes.
		parquet.CreatedBy("scaivault-audit", "1", "0"))
	c := &columns{w: w, batch: make([]row, 0, batchRows)}
	c.texts.Grow(batchBytes)
	return c, nil
}

func (c *columns) append(r *audit.Record) (int, error) {
	start := c.texts.Len()
	c.batch = append(c.batch, row{
		ID:           c.keep(string(r.ID)),
		Timestamp:    int64(r.Timestamp),
		Action:       c.keep(string(r.Action)),
		IdentityType: c.keep(string(r.IdentityType)),
		IdentityID:   c.keep(string(r.IdentityID)),
		SecretPath:   c.keepOptional(string(r.SecretPath)),
		SourceIP:     c.keepOptional(r.SourceIP),
		UserAgent:    c.keep(r.UserAgent),
		Success:      r.Success,
		DurationMS:   int64(r.DurationMS),
		RequestID:    c.keep(r.RequestID),
		ExtraData:    c.keep(cmp.Or(r.ExtraData, "{}")),
	})
	n := c.texts.Len() - start + rowBytes
	if len(c.batch) == batchRows || c.texts.Len() >= batchBytes {
		return n, c.write()
	}
	return n, nil
}

// keep returns a copy of s that stays until the batch is written.
func (c *columns) keep(s string) string {
	start := c.texts.Len()
	c.texts.WriteString(s)
	return c.texts.String()[start:]
}

// keepOptional returns a copy as keep does, nil for "".
func (c *columns) keepOptional(s string) *string {
	if s == "" {
		return nil
	}
	s = c.keep(s)
	return &s
}

// write hands the batch to the columns. It ends their pages and the row group
// where these are large.
func (c *columns) write() error {
	if _, err := c.w.Write(c.batch); err != nil {
		return err
	}
	c.rows += len(c.batch)
	c.open += c.texts.Len()
	c.batch = c.batch[:0]
	c.texts.Reset()
	c.texts.Grow(batchBytes)
	if c.open >= openBytes {
		if err := c.endPages(); err != nil {
			return err
		}
	}
	if c.rows >= groupRows || c.w.Size()-c.begin >= groupBytes {
		if err := c.w.Flush(); err != nil {
			return err
		}
		c.rows, c.open, c.begin = 0, 0, c.w.Size()
	}
	c.size = c.w.Size()
	return nil
}

func (c *columns) endPages() error {
	for _, column := range c.w.ColumnWriters() {
		if err := column.Flush(); err != nil {
			return err
		}
	}
	c.open = 0
	return nil
}

// most counts dictionaries before compression, and the index of pages and the
// footer as 1/64 of the file and a bit: a part of 1 MiB stays 15 % below its size,
// one of 128 MiB 3 %.
func (c *columns) most() int64 {
	return c.size + int64(c.texts.Len()+len(c.batch)*rowBytes) + c.size/64 + 8<<10
}

func (c *columns) settle() error {
	if err := c.write(); err != nil {
		return err
	}
	err := c.endPages()
	c.size = c.w.Size()
	return err
}

func (c *columns) close() error {
	if err := c.write(); err != nil {
		return err
	}
	return c.w.Close()
}
