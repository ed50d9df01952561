package api

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/scaivault/audit"
)

// maxWindow is the largest window of a zstd stream in bytes, as RFC 9659
// requires of this content encoding; it bounds the memory of the decoder.
const maxWindow = 8 << 20

// batchForm returns how a body holds its events, by its Content-Type.
func batchForm(h http.Header) (audit.BatchForm, error) {
	refused := audit.Errorf(audit.CodeUnsupportedMediaType,
		"want one Content-Type, application/json or application/x-ndjson, in UTF-8")
	types := h.Values("Content-Type")
	if len(types) != 1 {
		return 0, refused
	}
	name, params, err := mime.ParseMediaType(types[0])
	if charset, ok := params["charset"]; err != nil || ok && !strings.EqualFold(charset, "utf-8") {
		return 0, refused
	}
	switch name {
	case "application/json":
		return audit.FormJSON, nil
	case "application/x-ndjson":
		return audit.FormNDJSON, nil
	}
	return 0, refused
}

// maxTrust is how much memory a body gets before it has come, in bytes.
const maxTrust = 1 << 20

// readBody reads and decompresses a body.
func readBody(r *request) (string, error) {
	b, err := readBodyInto(nil, r)
	return alias(b), err
}

// readBodyInto reads and decompresses a body into the memory of b. Sizes are
// checked while it streams, so that a bomb costs no more than a large body.
func readBodyInto(b []byte, r *request) ([]byte, error) {
	encoding, err := contentEncoding(r)
	if err != nil {
		return nil, err
	}
	limit := int64(MaxEncodedBody)
	if encoding == "identity" {
		limit = MaxDecodedBody
	}
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	// MaxBytesReader wants to see the writer that net/http made.
	raw := &source{ReadCloser: http.MaxBytesReader(r.out.ResponseWriter, r.Body, limit)}
	decoded, err := decode(encoding, raw)
	if err != nil {
		return nil, bodyError(cmp.Or(raw.err, err))
	}
	defer decoded.Close()
	b, err = readAll(slices.Grow(b[:0], int(min(max(0, r.ContentLength), maxTrust))+1),
		io.LimitReader(decoded, MaxDecodedBody+1))
	if err != nil {
		return nil, bodyError(cmp.Or(raw.err, err))
	}
	if len(b) > MaxDecodedBody {
		return nil, tooLarge(MaxDecodedBody)
	}
	return b, nil
}

// readAll appends what there is to read to b, which has room for some of it.
func readAll(b []byte, from io.Reader) ([]byte, error) {
	for {
		n, err := from.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case err == io.EOF:
			return b, nil
		case err != nil:
			return nil, err
		case len(b) == cap(b):
			b = slices.Grow(b, len(b))
		}
	}
}

// source remembers why it ended early; decoders hide that.
type source struct {
	io.ReadCloser
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// contentEncoding returns identity, gzip or zstd. One encoding may lie around
// the events, not several.
func contentEncoding(r *request) (string, error) {
	encodings := r.Header.Values("Content-Encoding")
	if len(encodings) == 0 {
		return "identity", nil
	}
	if len(encodings) == 1 {
		switch e := strings.ToLower(encodings[0]); e {
		case "identity", "gzip", "zstd":
			return e, nil
		}
	}
	r.out.Header().Set("Accept-Encoding", "gzip, zstd") // RFC 9110, section 15.5.16
	return "", audit.Errorf(audit.CodeUnsupportedMediaType,
		"want one Content-Encoding, gzip or zstd, or none")
}

// decode returns a reader of what the encoding is around. Several gzip members
// or zstd frames in a row are one stream, as their formats say (RFC 1952,
// section 2.2; RFC 8878, section 3); anything else behind the first is refused.
func decode(encoding string, raw io.ReadCloser) (io.ReadCloser, error) {
	switch encoding {
	case "gzip":
		return gzip.NewReader(raw)
	case "zstd":
		z, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}
	return raw, nil
}

// bodyError says why a body could not be read.
func bodyError(err error) error {
	var limit *http.MaxBytesError
	switch {
	case errors.As(err, &limit):
		return tooLarge(limit.Limit)
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return audit.Errorf(audit.CodePayloadTooLarge,
			"the body needs a window of more than %d bytes to decompress", maxWindow)
	}
	return &audit.Error{Code: audit.CodeInvalidRequest,
		Message: "the body ended early, came too slowly or is not what its Content-Encoding says", Err: err}
}

func tooLarge(limit int64) error {
	return audit.Errorf(audit.CodePayloadTooLarge,
		"the body has more than %d bytes; send fewer events at a time", limit)
}

// digest returns the SHA-256 of a body. It takes pieces, since a body is large
// and a hash wants bytes that may change.
func digest(body string) (sum [sha256.Size]byte) {
	var piece [4 << 10]byte
	h := sha256.New()
	for body != "" {
		n := copy(piece[:], body)
		h.Write(piece[:n]) // which never fails
		body = body[n:]
	}
	h.Sum(sum[:0])
	return sum
}
