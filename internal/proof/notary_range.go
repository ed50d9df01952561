package proof

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

const (
	// entryShare bounds what the file of a range takes: a range above level 0 is
	// sealed if it has so many events for each trail. 72 bytes for 18 are 4.
	entryShare = 18
	// maxRangeEntries bounds the trails of such a range, 72 MiB of them.
	maxRangeEntries = 1 << 20
	// fewEntries are never too many.
	fewEntries = 64
)

// ErrManyTrails says that a range has too many trails for a range of its level:
// the smaller ones stand for it.
var ErrManyTrails = errors.New("the range has too many trails")

// Shape returns how the logs are divided into ranges.
func (n *Notary) Shape() RangeShape { return n.Ranges }

// SealRange returns the event that seals a range, without its time. All lines of
// the range are covered by the last checkpoint. The same range yields the same
// event whenever it is asked for, as it follows from its lines alone; a crash
// between this and appending the event costs nothing but computing it again.
// [ErrManyTrails] says that the range is not to be sealed.
func (n *Notary) SealRange(ctx context.Context, tenant audit.TenantID, r Range) (audit.Event, error) {
	entries, err := n.sealed(ctx, tenant, r)
	if err != nil && !errors.Is(err, ErrManyTrails) {
		return audit.Event{}, fmt.Errorf("seal range %d of level %d of %s: %w", r.Number, r.Level, tenant, err)
	}
	// The files of level 0 are larger than what a log may have of them for long.
	if r.Level == 1 || r.Level > 1 && err == nil {
		if e := n.removeParts(tenant, r); e != nil {
			return audit.Event{}, e
		}
	}
	if err != nil {
		return audit.Event{}, err
	}
	s := Seal{Range: r, Shape: n.Ranges, Root: mapRoot(entries, 0)}
	return s.event(), nil
}

// sealed returns the trails of a range and lets its file have them.
func (n *Notary) sealed(ctx context.Context, tenant audit.TenantID, r Range) ([]trailEntry, error) {
	if r.Level > 1 && !n.hasParts(tenant, r) {
		return nil, ErrManyTrails
	}
	entries, err := n.entries(ctx, tenant, r)
	if err != nil {
		return nil, err
	}
	if r.Level > 0 && len(entries) > mostEntries(n.Ranges, r) {
		return nil, ErrManyTrails
	}
	dir := tenantDir(n.dir, tenant)
	if err := n.fs.MkdirAll(dir); err != nil {
		return nil, err
	}
	return entries, vfs.WriteFile(n.fs, rangeFile(dir, r), encodeRange(tenant, r, entries))
}

// mostEntries returns how many trails a range above level 0 has at most that is
// sealed.
func mostEntries(shape RangeShape, r Range) int {
	return int(max(fewEntries, min(shape.width(r.Level)/entryShare, maxRangeEntries)))
}

// hasParts reports whether all ranges that one is made of have their files. One
// that had too many trails has none, and millions of lines are not read again for
// what only shortens proofs.
func (n *Notary) hasParts(tenant audit.TenantID, r Range) bool {
	if _, err := n.fs.Stat(rangeFile(tenantDir(n.dir, tenant), r)); err == nil {
		return true // it was made of them
	}
	for number := r.Number * n.Ranges.Fan; number < (r.Number+1)*n.Ranges.Fan; number++ {
		if _, err := n.fs.Stat(rangeFile(tenantDir(n.dir, tenant), Range{r.Level - 1, number})); err != nil {
			return false
		}
	}
	return true
}

// removeParts removes the files of the ranges that one is made of.
func (n *Notary) removeParts(tenant audit.TenantID, r Range) error {
	dir := tenantDir(n.dir, tenant)
	for number := r.Number * n.Ranges.Fan; number < (r.Number+1)*n.Ranges.Fan; number++ {
		err := n.fs.Remove(rangeFile(dir, Range{r.Level - 1, number}))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the parts of range %d of %s: %w", r.Number, tenant, err)
		}
	}
	return nil
}

// entries returns the trails of a range: as they were gathered while the tree
// grew, as its file has them, or out of its lines.
func (n *Notary) entries(ctx context.Context, tenant audit.TenantID, r Range) ([]trailEntry, error) {
	if r.Level == 0 {
		f := n.file(tenant)
		f.mu.Lock()
		entries, ok := f.watch.take(r.Number)
		f.mu.Unlock()
		if ok {
			return entries, nil
		}
	}
	entries, err := readRange(n.fs, tenantDir(n.dir, tenant), tenant, r)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errRangeFile) {
		return n.recompute(ctx, tenant, r)
	}
	return entries, err
}

// recompute returns the trails of a range out of its lines, or of those of the
// smaller ranges in it.
func (n *Notary) recompute(ctx context.Context, tenant audit.TenantID, r Range) ([]trailEntry, error) {
	if r.Level > 0 {
		first := r.Number * n.Ranges.Fan
		parts := make([][]trailEntry, n.Ranges.Fan)
		for i := range parts {
			var err error
			if parts[i], err = n.entries(ctx, tenant, Range{r.Level - 1, first + uint64(i)}); err != nil {
				return nil, err
			}
		}
		return joinEntries(first, parts), nil
	}
	from, to := n.Ranges.bounds(r)
	b := newRangeBuilder()
	for line, err := range n.Log.Lines(ctx, tenant, from, to) {
		if err != nil {
			return nil, err
		}
		leaf := tlog.RecordHash(line)
		if err := b.add(from, line, &leaf); err != nil {
			return nil, fmt.Errorf("index %d: %w", from, err)
		}
		from++
	}
	if from != to {
		return nil, fmt.Errorf("the log yields the lines up to %d only", from)
	}
	return b.entries()
}
