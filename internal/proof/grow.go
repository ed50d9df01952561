package proof

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// Grow lets the tree cover the first size lines of the log, all of which are
// durable. It reads the lines that are new. It is [ErrRollback] if the tree is
// larger already. After an error of the disk the tree can be read but does not
// grow any more; whoever wants that opens it again.
func (t *Tree) Grow(ctx context.Context, size uint64) error {
	t.growing.Lock()
	defer t.growing.Unlock()
	if t.broken != nil {
		return fmt.Errorf("grow tree of %s: %w", t.tenant, t.broken)
	}
	if err := t.grow(ctx, size); err != nil {
		return fmt.Errorf("grow tree of %s to %d: %w", t.tenant, size, err)
	}
	return nil
}

func (t *Tree) grow(ctx context.Context, size uint64) error {
	if err := checkSizes(size); err != nil {
		return err
	}
	have := t.Size()
	switch {
	case size < have:
		return fmt.Errorf("%w: it has %d lines and had %d", ErrRollback, size, have)
	case size == have:
		return nil
	}
	tail := append(make([]Hash, 0, blockSize), t.now.tail...)
	var blocks []block
	t.pair.n = 0 // an error may have left one
	for line, err := range t.log.Lines(ctx, t.tenant, have, size) {
		if err != nil {
			return err
		}
		t.pair.add(line)
		if have++; have%2 == 1 {
			continue // a block has an even number
		}
		if tail = t.hash(have, tail); len(tail) < blockSize {
			continue
		}
		blocks, tail = append(blocks, newBlock(tail)), tail[:0]
		if len(blocks) == growBlocks {
			if err := t.publish(blocks, nil); err != nil {
				return err
			}
			blocks = blocks[:0]
		}
	}
	if have != size {
		return fmt.Errorf("the log yields the lines up to %d only", have)
	}
	return t.publish(blocks, t.hash(have, tail))
}

// hash appends the leaves of the lines that are held, the last ones before the
// index end.
func (t *Tree) hash(end uint64, tail []Hash) []Hash {
	index := end - uint64(t.pair.n)
	t.pair.take(func(line []byte, leaf *Hash) {
		if t.watch != nil {
			t.watch(index, line, leaf)
		}
		tail = append(tail, *leaf)
		index++
	})
	return tail
}

// publish writes full blocks and shows them and the leaves behind them, which
// it keeps.
func (t *Tree) publish(blocks []block, tail []Hash) error {
	if err := t.write(blocks); err != nil {
		t.broken = err
		return err
	}
	next := snapshot{t.now.blocks + uint64(len(blocks)), slices.Clone(t.now.upper), tail}
	for _, b := range blocks {
		t.recent = pushBlock(t.recent, &next, b.root)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now, t.read = next, t.file
	return nil
}

// write appends blocks to the file. A crash may take any of them, or parts;
// the next start drops what is incomplete.
func (t *Tree) write(blocks []block) (err error) {
	if len(blocks) == 0 {
		return nil
	}
	if t.file == nil {
		name := filepath.Join(t.dir, treeName)
		if t.file, err = writeBlocks(t.fs, t.dir, name, t.tenant, 0, nil); err != nil {
			return err
		}
	}
	buf := make([]byte, 0, len(blocks)*blockRecord)
	for i, b := range blocks {
		buf = t.file.appendRecord(buf, t.now.blocks+uint64(i), b)
	}
	if _, err := t.file.file.Write(buf); err != nil {
		return err
	}
	if t.unsynced += len(blocks); t.unsynced < syncBlocks {
		return nil
	}
	t.unsynced = 0
	return t.file.file.Sync()
}

// leaves returns the leaf hashes of a full block, out of the log's lines.
func (t *Tree) leaves(ctx context.Context, block uint64) ([]Hash, error) {
	hashes := make([]Hash, 0, blockSize)
	from := block * blockSize
	for line, err := range t.log.Lines(ctx, t.tenant, from, from+blockSize) {
		if err != nil {
			return nil, fmt.Errorf("block %d: %w", block, err)
		}
		hashes = append(hashes, tlog.RecordHash(line))
	}
	if len(hashes) != blockSize {
		return nil, fmt.Errorf("block %d: the log yields %d of %d lines", block, len(hashes), blockSize)
	}
	return hashes, nil
}
