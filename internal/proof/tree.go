package proof

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

const (
	proofName = "proof" // the folder of all tenants
	treeName  = "tree"

	// upperLevel is the lowest level that is kept in memory as a whole: 32
	// bytes for 65,536 lines, and as much again for all levels above.
	upperLevel = 2 * blockLevel

	// growBlocks is how many blocks are written at once, syncBlocks how many
	// are written between two syncs. What a crash takes is computed again.
	growBlocks = 64
	syncBlocks = 1024
)

// Tree is the Merkle tree over the log of one tenant. On disk it takes 54 bytes
// for 256 lines, and every byte of it can be made again from the lines. It is
// safe for concurrent use; reading does not wait for growing.
type Tree struct {
	log    Log
	tenant audit.TenantID
	fs     vfs.FS
	dir    string // of the tenant

	// watch, if not nil, is shown each line that the tree grows over.
	watch func(index uint64, line []byte, leaf *Hash)

	growing  sync.Mutex // held while the tree grows; guards the next five
	file     *blockFile // nil as long as there is no full block
	recent   []Hash     // the blocks of the unfinished node of upperLevel
	unsynced int        // blocks written since the last sync
	pair     leafPair   // lines that are not hashed yet
	broken   error      // a write failed: the file is given up

	mu   sync.RWMutex // guards now; never held during I/O
	now  snapshot
	read *blockFile // as file, for readers; guarded by mu
}

// snapshot is a tree at one size. What its slices hold never changes.
type snapshot struct {
	blocks uint64   // full blocks
	upper  [][]Hash // the nodes of level upperLevel and those above
	tail   []Hash   // the leaves behind the last full block, less than a block
}

func (s *snapshot) size() uint64 { return s.blocks*blockSize + uint64(len(s.tail)) }

// push appends a node of upperLevel, and those above that it completes. The
// outer slice must not be shared.
func (s *snapshot) push(h Hash) {
	for level := 0; ; level++ {
		if level == len(s.upper) {
			s.upper = append(s.upper, nil)
		}
		nodes := append(s.upper[level], h)
		s.upper[level] = nodes
		if len(nodes)%2 == 1 {
			return
		}
		h = tlog.NodeHash(nodes[len(nodes)-2], nodes[len(nodes)-1])
	}
}

// OpenTree opens the tree of a tenant below the data directory dir, or begins
// one. What stands in its file for lines from the size on, or was left
// unfinished by a crash, is dropped, to grow again; other damage is repaired out
// of the lines of the log.
func OpenTree(ctx context.Context, fsys vfs.FS, dir string, tenant audit.TenantID, log Log,
	size uint64) (*Tree, error) {
	t := &Tree{log: log, tenant: tenant, fs: fsys, dir: tenantDir(dir, tenant)}
	if err := t.open(ctx, size/blockSize); err != nil {
		return nil, errors.Join(fmt.Errorf("open tree of %s: %w", tenant, err), t.Close())
	}
	return t, nil
}

func tenantDir(dir string, tenant audit.TenantID) string {
	return filepath.Join(dir, proofName, string(tenant))
}

func (t *Tree) open(ctx context.Context, blocks uint64) error {
	if err := t.fs.MkdirAll(t.dir); err != nil {
		return err
	}
	name := filepath.Join(t.dir, treeName)
	var whole uint64
	var torn bool
	var err error
	if t.file, whole, torn, err = openBlocks(t.fs, name, t.tenant); err != nil || t.file == nil {
		return err
	}
	if whole > blocks {
		whole, torn = blocks, true
	}
	bad, err := t.load(whole)
	if err != nil || len(bad) == 0 && !torn {
		return err
	}
	// The file is not trusted as it is: one that is good takes its place. A
	// crash before that leaves the damage for the next start to find.
	for len(bad) > 0 && bad[len(bad)-1] == whole-1 {
		bad, whole = bad[:len(bad)-1], whole-1
	}
	old := t.file
	defer old.file.Close()
	t.file, err = writeBlocks(t.fs, t.dir, name, t.tenant, whole, func(number uint64) (b block, err error) {
		if _, isBad := slices.BinarySearch(bad, number); isBad {
			leaves, err := t.leaves(ctx, number)
			if err != nil {
				return b, err
			}
			return newBlock(leaves), nil
		}
		err = old.read(number, 1, func(_ uint64, found block, _ bool) error { b = found; return nil })
		return b, err
	})
	if err != nil {
		return fmt.Errorf("repair: %w", err)
	}
	_, err = t.load(whole)
	return err
}

// load reads the records of the file and returns those that are damaged.
func (t *Tree) load(whole uint64) (bad []uint64, err error) {
	t.now = snapshot{blocks: whole}
	t.read = t.file
	t.recent = nil
	add := func(number uint64, b block, ok bool) error {
		if !ok {
			bad = append(bad, number)
		}
		t.recent = pushBlock(t.recent, &t.now, b.root)
		return nil
	}
	for first := uint64(0); first < whole; first += growBlocks {
		if err := t.file.read(first, min(growBlocks, whole-first), add); err != nil {
			return nil, err
		}
	}
	return bad, nil
}

// pushBlock adds a block to the recent ones, which become a node once they are
// enough for it.
func pushBlock(recent []Hash, s *snapshot, h Hash) []Hash {
	if recent = append(recent, h); len(recent) == 1<<(upperLevel-blockLevel) {
		s.push(fold(recent))
		recent = recent[:0]
	}
	return recent
}

// Size returns the number of lines that the tree covers.
func (t *Tree) Size() uint64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.now.size()
}

// Close closes the tree's file after a last sync. Nothing is lost without it.
func (t *Tree) Close() error {
	t.growing.Lock()
	defer t.growing.Unlock()
	if t.file == nil {
		return nil
	}
	var err error
	if t.broken == nil && t.unsynced > 0 {
		err = t.file.file.Sync()
	}
	err = errors.Join(err, t.file.file.Close())
	t.file, t.broken = nil, errors.New("the tree is closed")
	return err
}
