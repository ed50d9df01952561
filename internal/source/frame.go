package source

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// A file of the journal is a row of frames, each of which holds the records
// that one sync made durable. Numbers are little-endian.
//
//	frame   magic ff 'S' 'V' 'O' | length u32 | CRC-32C u32 | payload
//	payload (length uvarint | record)*
//
// The CRC covers the length, the payload, the id of the file and the offset, so
// that bytes which were written elsewhere are not taken for a frame. The magic
// holds a byte that UTF-8 never has: a reader finds the frame after a damaged
// one. A damaged end is what a crash left of a frame nobody was told about; a
// damaged frame before a good one was once whole.
const (
	frameMagic  = "\xffSVO"
	frameHeader = len(frameMagic) + 4 + 4
	frameLenAt  = len(frameMagic)
	frameCRCAt  = frameLenAt + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sealFrame fills in the header of a frame that will stand at offset of a file.
func sealFrame(frame []byte, id uint64, offset int64) {
	copy(frame, frameMagic)
	binary.LittleEndian.PutUint32(frame[frameLenAt:], uint32(len(frame)-frameHeader))
	binary.LittleEndian.PutUint32(frame[frameCRCAt:], frameCRC(frame, id, offset))
}

func frameCRC(frame []byte, id uint64, offset int64) uint32 {
	var place [16]byte
	binary.LittleEndian.PutUint64(place[:8], id)
	binary.LittleEndian.PutUint64(place[8:], uint64(offset))
	crc := crc32.Checksum(frame[frameLenAt:frameCRCAt], castagnoli)
	crc = crc32.Update(crc, castagnoli, frame[frameHeader:])
	return crc32.Update(crc, castagnoli, place[:])
}

// readFrames returns the records of a file's content, and whether something
// before its last good frame is damaged.
func readFrames(b []byte, id uint64) (records [][]byte, damaged bool) {
	for at := 0; at < len(b); {
		frame := readFrame(b, id, at)
		if frame == nil {
			if at = nextFrame(b, id, at); at < 0 {
				return records, damaged
			}
			damaged = true
			continue
		}
		at += len(frame)
		r := recordReader{b: frame[frameHeader:]}
		for len(r.b) > 0 {
			records = append(records, r.bytes(r.uint()))
		}
	}
	return records, damaged
}

// readFrame returns the good frame at an offset, or nil.
func readFrame(b []byte, id uint64, offset int) []byte {
	rest := b[offset:]
	if len(rest) < frameHeader || string(rest[:frameLenAt]) != frameMagic {
		return nil
	}
	n := uint64(binary.LittleEndian.Uint32(rest[frameLenAt:]))
	if n > uint64(len(rest)-frameHeader) {
		return nil
	}
	frame := rest[:frameHeader+int(n)]
	if binary.LittleEndian.Uint32(frame[frameCRCAt:]) != frameCRC(frame, id, int64(offset)) {
		return nil
	}
	return frame
}

// nextFrame returns the offset of the first good frame after offset, or -1.
func nextFrame(b []byte, id uint64, offset int) int {
	for {
		i := bytes.Index(b[offset+1:], []byte(frameMagic))
		if i < 0 {
			return -1
		}
		offset += 1 + i
		if readFrame(b, id, offset) != nil {
			return offset
		}
	}
}
