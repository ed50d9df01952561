package export

import "github.com/scaivault/audit"

// encoder writes events into one file.
type encoder interface {
	// append adds an event and returns its size before compression in bytes.
	append(r *audit.Record) (int, error)
	// most returns the size that the file has at most if it ends here: bytes
	// that wait for compression count as if they stayed as they are.
	most() int64
	// settle compresses what waits, so that most becomes smaller and truer.
	settle() error
	// close writes what waits and the end of the file.
	close() error
}

// newEncoder returns the encoder of a format, which writes to out.
func newEncoder(out *output, format audit.ExportFormat, compression audit.Compression) (encoder, error) {
	switch format {
	case audit.FormatJSONL:
		return newText(out, compression, "", appendJSON)
	case audit.FormatCSV:
		return newText(out, compression, csvHeader, appendCSV)
	case audit.FormatParquet:
		if compression != audit.CompressionNone {
			return nil, audit.Errorf(audit.CodeValidationError,
				"compression %q: parquet compresses within its files; want none", compression)
		}
		return newColumns(out)
	}
	return nil, audit.Errorf(audit.CodeValidationError, "format %q: want jsonl, csv or parquet", format)
}

// Extension returns what the names of files of a format and a compression end
// in, without a leading dot: "jsonl.zst", "csv.gz", "parquet".
func Extension(format audit.ExportFormat, compression audit.Compression) string {
	switch compression {
	case audit.CompressionGzip:
		return string(format) + ".gz"
	case audit.CompressionZstd:
		return string(format) + ".zst"
	}
	return string(format)
}
