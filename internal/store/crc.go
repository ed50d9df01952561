//go:build !mutant_nocrc

package store

import (
	"encoding/binary"
	"hash/crc32"
)

// frameCRC returns the CRC of a frame that stands at offset of the file with
// the id. It has a file of its own because the tests put another one in its
// place.
func frameCRC(frame []byte, id uint64, offset int64) uint32 {
	var place [16]byte
	binary.LittleEndian.PutUint64(place[:], id)
	binary.LittleEndian.PutUint64(place[8:], uint64(offset))
	crc := crc32.Checksum(frame[frameLenAt:frameCRCAt], castagnoli)
	crc = crc32.Update(crc, castagnoli, frame[frameHeader:])
	return crc32.Update(crc, castagnoli, place[:])
}
