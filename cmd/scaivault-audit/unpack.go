package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"

	"github.com/klauspost/compress/zstd"
)

// packedMagics begin files that are compressed: by gzip, by zstd.
var packedMagics = [][]byte{{0x1f, 0x8b}, {0x28, 0xb5, 0x2f, 0xfd}}

// isPacked reports whether a file that begins so is compressed.
func isPacked(head []byte) bool {
	for _, magic := range packedMagics {
		if bytes.HasPrefix(head, magic) {
			return true
		}
	}
	return false
}

// unpacker reads an input, decompressed if it begins as gzip or zstd do. It does not
// look before it is read: a pipe may have nothing to say for long.
type unpacker struct {
	in   io.Reader
	out  io.Reader // nil before the first read
	zstd *zstd.Decoder
}

func (u *unpacker) Read(p []byte) (int, error) {
	if u.out == nil {
		if err := u.begin(); err != nil {
			return 0, err
		}
	}
	return u.out.Read(p)
}

func (u *unpacker) begin() (err error) {
	in := bufio.NewReaderSize(u.in, 64<<10)
	head, _ := in.Peek(1) // an error comes again
	if len(head) > 0 && (head[0] == packedMagics[0][0] || head[0] == packedMagics[1][0]) {
		head, _ = in.Peek(len(packedMagics[1])) // no line of text begins so
	}
	switch {
	case bytes.HasPrefix(head, packedMagics[0]):
		u.out, err = gzip.NewReader(in)
	case bytes.HasPrefix(head, packedMagics[1]):
		if u.zstd, err = zstd.NewReader(in, zstd.WithDecoderConcurrency(1)); err == nil {
			u.out = u.zstd
		}
	default:
		u.out = in
	}
	return err
}

// release gives memory back.
func (u *unpacker) release() {
	if u.zstd != nil {
		u.zstd.Close()
	}
}
