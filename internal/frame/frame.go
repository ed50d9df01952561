// Package frame knows where in a file that is only appended to something whole
// stands, whatever a crash or a bad disk has left of it.
//
// A frame holds what one sync made durable. Numbers are little-endian.
//
//	frame   magic | length u32 | CRC-32C u32 | payload
//
// The CRC covers the length, the payload, the id of the file and the offset
// there, so a block that was written elsewhere is not taken for a frame. The
// magic begins with a byte that UTF-8 never has: a reader finds the next frame
// after a damaged one.
//
// A frame is written only after the frame before it was synced. So a damaged
// frame that is followed by a good one was once whole: that is damage, whereas a
// damaged end may be what a crash left of a frame nobody was told about.
package frame

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// Magic begins the frames of one kind of file: four bytes, ff the first.
type Magic string

const (
	// Header is the size of what stands before the payload.
	Header   = crcAt + 4
	lengthAt = 4
	crcAt    = lengthAt + 4
	// MaxPayload is the largest payload: a length beyond it is damage, not a frame.
	MaxPayload = 1 << 30
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Seal fills in the header of a frame; frame is the header's room and the
// payload, and will stand at offset of the file with the id.
func (m Magic) Seal(frame []byte, id uint64, offset int64) {
	copy(frame, m)
	binary.LittleEndian.PutUint32(frame[lengthAt:], uint32(len(frame)-Header))
	binary.LittleEndian.PutUint32(frame[crcAt:], checksum(frame, id, offset))
}

// At returns the frame, header and payload, at offset of a file's content b, or
// nil if no whole and undamaged frame stands there.
func (m Magic) At(b []byte, id uint64, offset int) []byte {
	rest := b[offset:]
	if len(rest) < Header || string(rest[:lengthAt]) != string(m) {
		return nil
	}
	n := int(binary.LittleEndian.Uint32(rest[lengthAt:]))
	if n > MaxPayload || n > len(rest)-Header {
		return nil
	}
	frame := rest[:Header+n]
	if checksum(frame, id, int64(offset)) != binary.LittleEndian.Uint32(frame[crcAt:]) {
		return nil
	}
	return frame
}

// Next returns the offset of the first good frame after offset, or -1.
func (m Magic) Next(b []byte, id uint64, offset int) int {
	for {
		i := bytes.Index(b[offset+1:], []byte(m))
		if i < 0 {
			return -1
		}
		offset += 1 + i
		if m.At(b, id, offset) != nil {
			return offset
		}
	}
}
