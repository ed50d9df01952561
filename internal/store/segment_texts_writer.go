package store

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// packer returns the compressor of texts. It is safe for concurrent use.
var packer = sync.OnceValues(func() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true),
		zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(maxGroup))
})

// sharedTexts returns the texts that several rows have, the most frequent
// first, and the code of each.
func sharedTexts(texts [][]byte) (list []string, codes map[string]int64) {
	places := make(map[string]int)
	var counts []int
	for _, t := range texts {
		if i, ok := places[string(t)]; ok {
			counts[i]++
		} else {
			places[string(t)] = len(counts)
			counts = append(counts, 1)
		}
	}
	for t, i := range places {
		if counts[i] >= sharedRows {
			list = append(list, t)
		}
	}
	slices.SortFunc(list, func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[places[b]], counts[places[a]]), cmp.Compare(a, b))
	})
	codes = make(map[string]int64, len(list))
	for i, t := range list {
		codes[t] = int64(i + 1)
	}
	return list, codes
}

// appendTexts appends the column of the texts, at most 2^16-1.
func appendTexts(dst []byte, texts [][]byte) ([]byte, error) {
	list, byText := sharedTexts(texts)
	codes := make([]int64, len(texts))
	var before []byte
	var alone [][]byte
	for row, t := range texts {
		if row%miniRows == 0 {
			before = binary.LittleEndian.AppendUint16(before, uint16(len(alone)))
		}
		if codes[row] = byText[string(t)]; codes[row] == 0 {
			alone = append(alone, t)
		}
	}
	var text []byte
	ends := make([]int64, len(list))
	for i, t := range list {
		text = append(text, t...)
		ends[i] = int64(len(text))
	}
	records, packs, err := appendGroups(alone)
	if err != nil {
		return nil, err
	}
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(list)))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(alone)))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(records)/groupRecord))
	at := len(dst)
	dst = append(dst, make([]byte, 16)...)
	start := len(dst)
	dst = appendInts(dst, codes)
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-start))
	dst = append(dst, before...)
	start = len(dst)
	dst = appendSorted(dst, ends)
	binary.LittleEndian.PutUint32(dst[at+4:], uint32(len(dst)-start))
	binary.LittleEndian.PutUint32(dst[at+8:], uint32(len(text)))
	binary.LittleEndian.PutUint32(dst[at+12:], uint32(len(packs)))
	return append(append(append(dst, text...), records...), packs...), nil
}

// appendGroups returns the groups of the texts and their records.
func appendGroups(texts [][]byte) (records, packs []byte, err error) {
	enc, err := packer()
	if err != nil {
		return nil, nil, fmt.Errorf("compress texts: %w", err)
	}
	var raw []byte
	for first := 0; first < len(texts); {
		end, size := first, 0
		raw = raw[:0]
		for end < len(texts) && end-first < groupRows && (end == first || size+len(texts[end]) <= groupSize) {
			if len(texts[end]) > maxText {
				return nil, nil, fmt.Errorf("text of %d bytes; want at most %d", len(texts[end]), maxText)
			}
			raw = binary.AppendUvarint(raw, uint64(len(texts[end])))
			size += len(texts[end])
			end++
		}
		for _, t := range texts[first:end] {
			raw = append(raw, t...)
		}
		packs = enc.EncodeAll(raw, packs)
		records = binary.LittleEndian.AppendUint16(records, uint16(first))
		records = binary.LittleEndian.AppendUint32(records, uint32(len(packs)))
		first = end
	}
	return records, packs, nil
}
