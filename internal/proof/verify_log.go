package proof

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

// VerifyLog verifies the log of a tenant, which has size lines, by the
// checkpoint below the data directory dir: it reads every line. The tree's file
// there is not trusted; it only helps to say where the fault is: which line was
// changed, or in which block of 256 lines there are more. A [*Fault] that the log yields is the result; so is
// [audit.CodeDataDamaged]. Other errors are those of reading or of ctx.
func VerifyLog(ctx context.Context, fsys vfs.FS, dir string, tenant audit.TenantID, log Log, size uint64,
	o VerifyOptions) (Report, error) {
	v := &logVerifier{
		VerifyOptions: o, ctx: ctx, fs: fsys, dir: tenantDir(dir, tenant), tenant: tenant, log: log,
	}
	err := v.run(size)
	var damage *audit.Error
	if errors.As(err, &damage) && damage.Code == audit.CodeDataDamaged {
		err = v.damaged(damage)
	}
	return v.report.conclude(err)
}

// logVerifier verifies one log.
type logVerifier struct {
	VerifyOptions
	ctx    context.Context
	fs     vfs.FS
	dir    string
	tenant audit.TenantID
	log    Log
	report Report

	tree     Checkpoint
	against  *Checkpoint
	anchors  []anchor
	cosigned []byte      // the note that is kept as cosigned, nil if none is
	check    anchorCheck // with both, as lines come
	blocks   *blockFile  // nil if there is none
	odd      *oddBlock   // the first block that is not as in blocks
	fold     folder
	ranges   *rangeVerifier
}

func (v *logVerifier) run(size uint64) error {
	if err := v.openCheckpoint(size); err != nil {
		return err
	}
	blocks, _, _, err := openBlocks(readOnly{v.fs}, filepath.Join(v.dir, treeName), v.tenant)
	if err != nil {
		v.report.Notes = append(v.report.Notes, "the file of the tree cannot be read")
	}
	if v.blocks = blocks; blocks != nil {
		defer blocks.file.Close()
	}
	v.fold.cuts = []uint64{v.tree.Size}
	if v.against != nil {
		v.fold.cuts = []uint64{v.against.Size, v.tree.Size} // in this order
	}
	if err := v.lines(); err != nil {
		return err
	}
	return v.roots(size)
}

func (v *logVerifier) openCheckpoint(size uint64) error {
	name := filepath.Join(v.dir, checkpointName)
	msg, err := vfs.ReadFile(v.fs, name)
	if errors.Is(err, fs.ErrNotExist) {
		return faultf(Unverifiable, name, "it is missing")
	}
	if err != nil {
		return err
	}
	if v.tree, err = OpenCheckpoint(msg, v.Keys); err != nil {
		return noteFault(name, err)
	}
	v.report.Origin, v.report.Size, v.report.Root = v.tree.Origin, v.tree.Size, v.tree.Root.String()
	if filepath.Base(v.tree.Origin) != string(v.tenant) {
		return faultf(Tampered, name, "it is one of %q, not of the tenant %q", v.tree.Origin, v.tenant)
	}
	if v.against, err = openAgainst(v.VerifyOptions, v.tree); err != nil {
		return err
	}
	if err := v.openAnchors(); err != nil {
		return err
	}
	if v.tree.Size > size {
		return faultf(RolledBack, name, "the log had %d lines and has %d", v.tree.Size, size)
	}
	return nil
}

// lines reads all lines below the checkpoint.
func (v *logVerifier) lines() error {
	leaves := make([]Hash, 0, blockSize)
	var pair leafPair
	index := uint64(0)
	hash := func() {
		at := index - uint64(pair.n)
		pair.take(func(line []byte, leaf *Hash) {
			leaves = append(leaves, *leaf)
			v.ranges.add(at, line, leaf)
			at++
		})
	}
	v.ranges = newRangeVerifier(v.Ranges)
	for line, err := range v.log.Lines(v.ctx, v.tenant, 0, v.tree.Size) {
		if err != nil {
			return err
		}
		pair.add(line)
		if index++; index%2 == 1 {
			continue // a block has an even number
		}
		if hash(); len(leaves) == blockSize {
			v.block(index, leaves)
			leaves = leaves[:0]
		}
		if v.Progress != nil && index%(16*blockSize) == 0 {
			v.Progress(int64(index), int64(v.tree.Size))
		}
	}
	hash()
	v.block(index, leaves)
	if v.report.Records = index; index != v.tree.Size {
		return faultf(Incomplete, "", "the log yields %d of %d lines", index, v.tree.Size)
	}
	return nil
}

// block folds the leaves before the index, a full block or the last one.
func (v *logVerifier) block(to uint64, leaves []Hash) {
	from := to - uint64(len(leaves))
	if len(leaves) < blockSize || v.fold.isCut(from, to) || v.check.within() {
		v.check.addLeaves(leaves)
		for i, leaf := range leaves {
			v.fold.add(from+uint64(i), leaf)
		}
		return
	}
	root := fold(slices.Clone(leaves))
	v.fold.addNode(node{from, to, root})
	v.check.addNode(node{from, to, root})
	if v.blocks == nil || v.odd != nil {
		return
	}
	_ = v.blocks.read(from/blockSize, 1, func(_ uint64, b block, ok bool) error {
		if ok && b.root != root {
			found := newFinder(leaves)
			place, only := b.finder.changed(&found)
			v.odd = &oddBlock{from, place, only}
		}
		return nil
	})
}

// oddBlock is a block of which the file of the tree knows other lines.
type oddBlock struct {
	from  uint64 // its first index
	place uint64 // in it of the line that was changed
	only  bool   // that is the only one
}

// blame names the lines to a fault.
func (b *oddBlock) blame(f *Fault) {
	index := b.from
	if b.only {
		index += b.place
		f.Message += fmt.Sprintf("; by the file of the tree it is the one with the index %d that was changed", index)
	} else {
		f.Message += fmt.Sprintf("; by the file of the tree several of the indexes %d to %d were changed", index, index+blockSize-1)
	}
	f.Index = &index
}

// roots compares the roots of the lines with those of the checkpoints.
func (v *logVerifier) roots(size uint64) error {
	root, err := v.root(v.tree.Size)
	if err != nil {
		return err
	}
	if root != v.tree.Root {
		f := faultf(Tampered, "", "the first %d lines are not those that were signed", v.tree.Size)
		if v.odd != nil {
			v.odd.blame(f)
		}
		return f
	}
	if v.against != nil {
		if root, err = v.root(v.against.Size); err != nil {
			return err
		}
		if root != v.against.Root {
			return faultf(Forked, "", "the first %d lines are not those of the earlier checkpoint", v.against.Size)
		}
		v.report.Proved = append(v.report.Proved,
			fmt.Sprintf("The log continues the earlier checkpoint of %d events.", v.against.Size))
	}
	if err := v.history(); err != nil {
		return err
	}
	if v.ranges.fault != nil {
		return v.ranges.fault
	}
	if v.ranges.broken != nil {
		v.report.Notes = append(v.report.Notes, "what seals trails was not compared: a line is not that of an event")
	} else if n := v.ranges.sealed; n > 0 {
		v.report.Proved = append(v.report.Proved,
			fmt.Sprintf("What it has sealed of trails, %d ranges, are all their events.", n))
	}
	if v.odd != nil {
		v.report.Notes = append(v.report.Notes, "the file of the tree is damaged; the log is not")
	}
	v.report.Whole = true
	v.report.Proved = append(v.report.Proved, fmt.Sprintf("These are all %d events that %s signed, unaltered.",
		v.tree.Size, v.tree.Origin))
	if size > v.tree.Size {
		v.report.Notes = append(v.report.Notes, fmt.Sprintf("%d later events are not signed yet", size-v.tree.Size))
	}
	return nil
}

// root returns the root of the first size lines.
func (v *logVerifier) root(size uint64) (Hash, error) {
	return climb(0, size, before(v.fold.nodes, size), func(from, to uint64) (Hash, error) {
		return Hash{}, fmt.Errorf("no lines %d to %d", from, to-1) // all were read
	})
}

// damaged makes a fault of what the log says of itself. Its message is for those
// who ask a server; what is read here does not depend on an order.
func (v *logVerifier) damaged(err *audit.Error) *Fault {
	if len(err.Damaged) == 0 {
		return faultf(Tampered, "", "%s", err.Message)
	}
	f := faultf(Tampered, "", "events from this one on are not what was written: changed, or damaged")
	f.Index = &err.Damaged[0].From
	return f
}

// readOnly opens files for appending only to read them.
type readOnly struct{ vfs.FS }

// Append implements [vfs.FS].
func (r readOnly) Append(name string) (vfs.File, error) { return r.Open(name) }
