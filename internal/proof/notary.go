package proof

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

const checkpointName = "checkpoint"

// Options are what a [Notary] works with. All but Trails and Ranges are
// required.
type Options struct {
	Name  string // of the server, as "log.example.com"; no space, no '+'
	Log   Log
	Clock func() time.Time
	// Trails lets trails be gathered while trees grow, for whoever seals ranges
	// soon; otherwise their lines are read again.
	Trails bool
	// Ranges says how logs are divided for the proofs of trails; the zero value
	// is the default.
	Ranges RangeShape
}

// Notary keeps the trees of all tenants and signs for them. It is safe for
// concurrent use.
type Notary struct {
	Options
	fs  vfs.FS
	dir string

	mu    sync.Mutex // guards the following; not held during I/O but for a new key
	keys  *Keys
	files map[audit.TenantID]*file
}

// file is what a notary has of one tenant.
type file struct {
	origin string

	mu        sync.Mutex // guards the following; held during I/O
	loaded    bool       // last is what is on disk
	tree      *Tree      // nil until it is needed
	last      *signed    // nil if there is none
	confirmed bool       // the tree was seen to have the root of last
	witnessed *signed    // the newest that is cosigned; nil if there is none, or it was not read
	watch     rangeWatch // of what the tree grows over
}

// signed is a checkpoint and its note.
type signed struct {
	Checkpoint
	note []byte
}

// Open returns a notary for the data directory dir, and makes its key when
// there is none.
func Open(fsys vfs.FS, dir string, o Options) (*Notary, error) {
	keys, err := OpenKeys(fsys, dir, o.Clock())
	if err != nil {
		return nil, err
	}
	if _, _, err := keys.signer(o.Name + "/tenant"); err != nil {
		return nil, err // a name that cannot sign
	}
	if o.Ranges == (RangeShape{}) {
		o.Ranges = defaultShape
	}
	return &Notary{Options: o, fs: fsys, dir: dir, keys: keys, files: make(map[audit.TenantID]*file)}, nil
}

// Close closes the trees.
func (n *Notary) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	var errs []error
	for _, f := range n.files {
		f.mu.Lock()
		errs = append(errs, f.drop())
		f.mu.Unlock()
	}
	return errors.Join(errs...)
}

// Origin returns the name under which the log of a tenant is signed.
func (n *Notary) Origin(tenant audit.TenantID) string { return n.Name + "/" + string(tenant) }

// Verifiers returns the verifier keys of a tenant's log, the newest first.
func (n *Notary) Verifiers(tenant audit.TenantID) ([]string, error) {
	return n.currentKeys().Verifiers(n.Origin(tenant))
}

// Statements returns how keys vouch for those that took their place
// ([Keys.Statements]).
func (n *Notary) Statements() []string { return n.currentKeys().Statements() }

func (n *Notary) currentKeys() *Keys {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.keys
}

// Rotate makes a new key, which signs from now on.
func (n *Notary) Rotate() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	keys, err := RotateKeys(n.fs, n.dir, n.Clock())
	if err == nil {
		n.keys = keys
	}
	return err
}

func (n *Notary) file(tenant audit.TenantID) *file {
	n.mu.Lock()
	defer n.mu.Unlock()
	f := n.files[tenant]
	if f == nil {
		f = &file{origin: n.Origin(tenant), watch: rangeWatch{base: n.Ranges.Base}}
		n.files[tenant] = f
	}
	return f
}

// open returns what the notary has of a tenant, locked, with its last
// checkpoint. A checkpoint that cannot be verified is an error: what the log
// has been is not known then, so nothing is signed before [Notary.Restart].
func (n *Notary) open(tenant audit.TenantID) (*file, error) {
	f := n.file(tenant)
	f.mu.Lock()
	if f.loaded {
		return f, nil
	}
	f.last = nil
	msg, err := vfs.ReadFile(n.fs, n.checkpointFile(tenant))
	if err == nil {
		f.last, err = n.verified(f.origin, msg)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.mu.Unlock()
		return nil, fmt.Errorf("last checkpoint of %s: %w", tenant, err)
	}
	f.loaded = true
	return f, nil
}

func (n *Notary) checkpointFile(tenant audit.TenantID) string {
	return filepath.Join(tenantDir(n.dir, tenant), checkpointName)
}

// verified returns the checkpoint in a note that this server signed.
func (n *Notary) verified(origin string, msg []byte) (*signed, error) {
	_, verifiers, err := n.currentKeys().signer(origin)
	if err != nil {
		return nil, err
	}
	c, err := OpenCheckpoint(msg, verifiers)
	if err != nil {
		return nil, err
	}
	return &signed{c, msg}, nil
}

// Tenants returns the tenants that have evidence, in order.
func (n *Notary) Tenants() ([]audit.TenantID, error) {
	names, err := n.fs.List(filepath.Join(n.dir, proofName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list evidence: %w", err)
	}
	var list []audit.TenantID
	for _, name := range names {
		if id, err := audit.ParseTenantID(name); err == nil {
			list = append(list, id)
		}
	}
	return list, nil
}

// drop closes the tree; it is opened again when it is needed.
func (f *file) drop() error {
	tree := f.tree
	f.tree, f.confirmed, f.watch = nil, false, rangeWatch{base: f.watch.base}
	if tree == nil {
		return nil
	}
	return tree.Close()
}

// grow lets the tree cover the size, and makes sure that it continues the last
// checkpoint. The file of the tree is believed as far as that one goes.
func (n *Notary) grow(ctx context.Context, f *file, tenant audit.TenantID, size uint64) (err error) {
	trusted := uint64(0)
	if f.last != nil {
		trusted = f.last.Size
	}
	if size < trusted {
		err := fmt.Errorf("%s: %w: it has %d lines and had %d", tenant, ErrRollback, size, trusted)
		return errors.Join(err, f.drop(), n.forgetTree(tenant))
	}
	if f.tree == nil {
		if f.tree, err = OpenTree(ctx, n.fs, n.dir, tenant, n.Log, trusted); err != nil {
			return err
		}
		if n.Trails {
			f.tree.watch = f.watch.add
		}
	}
	if size > f.tree.Size() {
		if err := f.tree.Grow(ctx, size); err != nil {
			return errors.Join(err, f.drop())
		}
	}
	if f.last == nil || f.confirmed {
		return nil
	}
	root, err := f.tree.Root(ctx, f.last.Size)
	if err != nil {
		return err
	}
	if root != f.last.Root {
		return fmt.Errorf("%s: %w of %d lines", tenant, ErrFork, f.last.Size)
	}
	f.confirmed = true
	return nil
}

// forgetTree removes the file of a tree, to be made again out of the lines: a
// log that went back may grow to its old length by other lines, of which the
// file would know nothing.
func (n *Notary) forgetTree(tenant audit.TenantID) error {
	dir := tenantDir(n.dir, tenant)
	if err := n.fs.Remove(filepath.Join(dir, treeName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove tree of %s: %w", tenant, err)
	}
	if err := n.fs.SyncDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove tree of %s: %w", tenant, err)
	}
	return nil
}

// signature returns the signed note of a checkpoint of the tree.
func (n *Notary) signature(ctx context.Context, f *file, size uint64) (*signed, error) {
	root, err := f.tree.Root(ctx, size)
	if err != nil {
		return nil, err
	}
	s, _, err := n.currentKeys().signer(f.origin)
	if err != nil {
		return nil, err
	}
	c := Checkpoint{f.origin, size, root}
	msg, err := sign(c.Text(), s)
	return &signed{c, msg}, err
}

// isCurrent reports whether the newest key signed a note.
func (n *Notary) isCurrent(s *signed) bool {
	signer, _, err := n.currentKeys().signer(s.Origin)
	if err != nil {
		return false
	}
	opened, err := note.Open(s.note, note.VerifierList(signer.(note.Verifier)))
	return err == nil && len(opened.Sigs) > 0
}
