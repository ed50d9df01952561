//go:build !mutant_nocrc

package frame

import (
	"encoding/binary"
	"hash/crc32"
)

// checksum returns the CRC of a frame that stands at offset of the file with the
// id. It has a file of its own because the tests put another one in its place.
func checksum(frame []byte, id uint64, offset int64) uint32 {
	var place [16]byte
	binary.LittleEndian.PutUint64(place[:], id)
	binary.LittleEndian.PutUint64(place[8:], uint64(offset))
	crc := crc32.Checksum(frame[lengthAt:crcAt], castagnoli)
	crc = crc32.Update(crc, castagnoli, frame[Header:])
	return crc32.Update(crc, castagnoli, place[:])
}
