package store

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// packer returns the compressor of texts. It is safe for concurrent use.
var packer = sync.OnceValues(func() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true),
		zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(maxGroup))
})

// equalTexts are the rows that have the same text.
type equalTexts struct {
	text []byte
	rows int
	code int64 // of the text in the column; 0 if so few rows have it that each keeps its own
}

// equals finds the rows that have the same text, and of each row which they are.
// Texts are long and most are alone, so that they are not copied, as the keys of
// a map would be.
func equals(texts [][]byte) (all []equalTexts, of []uint32) {
	of = make([]uint32, len(texts))
	seed := maphash.MakeSeed()
	places := make(map[uint64]uint32) // by hash, or, if another text has it, what follows
	for row, t := range texts {
		h := maphash.Bytes(seed, t)
		n, ok := places[h]
		for ok && !bytes.Equal(all[n].text, t) {
			h++
			n, ok = places[h]
		}
		if !ok {
			n = uint32(len(all))
			places[h] = n
			all = append(all, equalTexts{text: t})
		}
		all[n].rows++
		of[row] = n
	}
	return all, of
}

// share gives the texts that several rows have their codes, the most frequent
// first, and returns them.
func share(all []equalTexts) []*equalTexts {
	var list []*equalTexts
	for i := range all {
		if all[i].rows >= sharedRows {
			list = append(list, &all[i])
		}
	}
	slices.SortFunc(list, func(a, b *equalTexts) int {
		return cmp.Or(cmp.Compare(b.rows, a.rows), bytes.Compare(a.text, b.text))
	})
	for i, e := range list {
		e.code = int64(i + 1)
	}
	return list
}

// appendTexts appends the column of the texts, at most 2^16-1.
func appendTexts(dst []byte, texts [][]byte) ([]byte, error) {
	all, of := equals(texts)
	list := share(all)
	codes := make([]int64, len(texts))
	var before []byte
	var alone [][]byte
	for row, t := range texts {
		if row%miniRows == 0 {
			before = binary.LittleEndian.AppendUint16(before, uint16(len(alone)))
		}
		if codes[row] = all[of[row]].code; codes[row] == 0 {
			alone = append(alone, t)
		}
	}
	size := 0
	ends := make([]int64, len(list))
	for i, e := range list {
		size += len(e.text)
		ends[i] = int64(size)
	}
	groups, err := groupsOf(alone)
	if err != nil {
		return nil, err
	}
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(list)))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(alone)))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(groups)))
	at := len(dst)
	dst = append(dst, make([]byte, 16)...)
	start := len(dst)
	dst = appendInts(dst, codes)
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-start))
	dst = append(dst, before...)
	start = len(dst)
	dst = appendSorted(dst, ends)
	binary.LittleEndian.PutUint32(dst[at+4:], uint32(len(dst)-start))
	binary.LittleEndian.PutUint32(dst[at+8:], uint32(size))
	for _, e := range list {
		dst = append(dst, e.text...)
	}
	dst, packs, err := appendGroups(dst, groups)
	binary.LittleEndian.PutUint32(dst[at+12:], uint32(packs))
	return dst, err
}

// groupsOf divides the texts into groups.
func groupsOf(texts [][]byte) (groups [][][]byte, err error) {
	for first := 0; first < len(texts); {
		end, size := first, 0
		for end < len(texts) && end-first < groupRows && (end == first || size+len(texts[end]) <= groupSize) {
			if len(texts[end]) > maxText {
				return nil, fmt.Errorf("text of %d bytes; want at most %d", len(texts[end]), maxText)
			}
			size += len(texts[end])
			end++
		}
		groups = append(groups, texts[first:end])
		first = end
	}
	return groups, nil
}

// appendGroups appends the records of the groups and the groups, and returns how
// many bytes these are.
func appendGroups(dst []byte, groups [][][]byte) ([]byte, int, error) {
	enc, err := packer()
	if err != nil {
		return dst, 0, fmt.Errorf("compress texts: %w", err)
	}
	record := len(dst)
	dst = append(dst, make([]byte, groupRecord*len(groups))...)
	start, first := len(dst), 0
	var raw []byte
	for _, texts := range groups {
		raw = raw[:0]
		for _, t := range texts {
			raw = binary.AppendUvarint(raw, uint64(len(t)))
		}
		for _, t := range texts {
			raw = append(raw, t...)
		}
		dst = enc.EncodeAll(raw, dst)
		binary.LittleEndian.PutUint16(dst[record:], uint16(first))
		binary.LittleEndian.PutUint32(dst[record+2:], uint32(len(dst)-start))
		record += groupRecord
		first += len(texts)
	}
	return dst, len(dst) - start, nil
}
