package proof

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/scaivault/audit"
)

// MaxPartLines is how many lines one file of an export may have to be proved.
const MaxPartLines = 1 << 22

const (
	proofMagic  = "SVAPRF"
	proofFormat = 1

	// hintSize is how many bytes of each line's leaf hash a proof repeats. They
	// prove nothing: they say which line it is when the hashes do not lead to
	// the root.
	hintSize = 2
)

// Part gathers, while the lines of an exported file are written, what proves
// them to be in the tree. The zero value is a file without lines. It keeps a
// few bytes of a line whose neighbour in the log is its neighbour in the file,
// 50 of others.
type Part struct {
	runs  []audit.IndexRange // in the order of the lines
	hints []byte
	fold  folder
	lines uint64
}

// Add adds the next line of the file, without its end, and its index. There are
// at most [MaxPartLines].
func (p *Part) Add(index uint64, line []byte) {
	leaf := tlog.RecordHash(line)
	p.lines++
	p.hints = append(p.hints, leaf[:hintSize]...)
	p.fold.add(index, leaf)
	if n := len(p.runs); n > 0 && p.runs[n-1].To == index {
		p.runs[n-1].To++
		return
	}
	p.runs = append(p.runs, audit.IndexRange{From: index, To: index + 1})
}

// Lines returns how many lines were added.
func (p *Part) Lines() uint64 { return p.lines }

// Ranges returns the indexes of the lines as ranges, sorted.
func (p *Part) Ranges() []audit.IndexRange { return mergeRanges(slices.Clone(p.runs)) }

// mergeRanges sorts ranges and joins those that touch.
func mergeRanges(ranges []audit.IndexRange) []audit.IndexRange {
	slices.SortFunc(ranges, func(a, b audit.IndexRange) int { return cmp.Compare(a.From, b.From) })
	merged := ranges[:0]
	for _, r := range ranges {
		if n := len(merged); n > 0 && merged[n-1].To == r.From {
			merged[n-1].To = r.To
			continue
		}
		merged = append(merged, r)
	}
	return merged
}

// ProvePart returns the content of the proof of an exported file: that each of
// its lines is in the tree of the size. Lines that are not are an [ErrFork].
func (n *Notary) ProvePart(ctx context.Context, tenant audit.TenantID, size uint64, p *Part) ([]byte, error) {
	if p.lines > MaxPartLines {
		return nil, fmt.Errorf("prove part: %d lines: want at most %d", p.lines, MaxPartLines)
	}
	tree, err := n.tree(ctx, tenant, size)
	if err != nil {
		return nil, err
	}
	root, hashes, err := tree.siblings(ctx, size, slices.Clone(p.fold.nodes))
	if err != nil {
		return nil, fmt.Errorf("prove part: %w", err)
	}
	want, err := tree.Root(ctx, size)
	if err == nil && root != want {
		err = fmt.Errorf("prove part of %s: %w", tenant, ErrFork)
	}
	if err != nil {
		return nil, err
	}
	return p.encode(size, hashes), nil
}

// encode returns the text of a proof: a header; the size of the tree and the
// number of lines; the runs of indexes, each as its distance from the end of
// the one before and its length; the hints; the hashes of [Tree.MultiProof].
func (p *Part) encode(size uint64, hashes []Hash) []byte {
	b := binary.LittleEndian.AppendUint16([]byte(proofMagic), proofFormat)
	b = binary.AppendUvarint(b, size)
	b = binary.AppendUvarint(b, p.lines)
	b = binary.AppendUvarint(b, uint64(len(p.runs)))
	end := uint64(0)
	for _, r := range p.runs {
		b = binary.AppendVarint(b, int64(r.From-end))
		b = binary.AppendUvarint(b, r.To-r.From)
		end = r.To
	}
	b = append(b, p.hints...)
	b = binary.AppendUvarint(b, uint64(len(hashes)))
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return b
}
