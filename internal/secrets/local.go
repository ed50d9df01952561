package secrets

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

// suffix ends the name of a secret's file; before it is the SHA-256 of its
// tenant and path, as hex digits, which no path can break and which tells none.
const suffix = ".age"

// Local is the store of secrets in the data directory: below DIR/secrets one
// file for each, encrypted with age (age-encryption.org/v1) for the X25519 key
// in DIR/secrets.key, which the first Put makes. It keeps nothing in memory, so
// any number of processes may use the directory at once; it is safe for
// concurrent use.
type Local struct {
	fs    vfs.FS
	dir   string // of the secrets
	key   string // name of the file that has the key
	clock func() time.Time
}

// Secret is what is told of a secret: anything but the values of its members.
type Secret struct {
	Tenant    audit.TenantID `json:"tenant_id"`
	Path      audit.Path     `json:"path"`
	Members   []string       `json:"members"` // names, sorted
	UpdatedAt audit.Time     `json:"updated_at"`
}

// OpenLocal opens the store in the data directory dir, which it makes if there
// is none.
func OpenLocal(fsys vfs.FS, dir string, clock func() time.Time) (*Local, error) {
	l := &Local{
		fs: fsys, clock: clock, dir: filepath.Join(dir, "secrets"), key: filepath.Join(dir, "secrets.key"),
	}
	if err := fsys.MkdirAll(l.dir); err != nil {
		return nil, fmt.Errorf("open secrets: %w", err)
	}
	return l, nil
}

// Put makes or replaces a secret, durably; after a crash it is the old or the
// new one. The text is a JSON object of at most [MaxSize] bytes whose values
// are strings, numbers and booleans; another one is a
// [audit.CodeValidationError] that names the members.
func (l *Local) Put(tenant audit.TenantID, path audit.Path, text []byte) error {
	if _, err := audit.ParseTenantID(string(tenant)); err != nil {
		return err
	}
	if _, err := audit.ParsePath(string(path)); err != nil {
		return err
	}
	members, err := parseMembers(path, text)
	if err != nil {
		return err
	}
	key, err := l.ensureKey()
	// The key is durable from here on: no secret is ever without it.
	var data []byte
	if err == nil {
		data, err = seal(file{fileFormat, tenant, path, audit.TimeOf(l.clock()), members}, key)
	}
	if err == nil {
		err = vfs.WriteFile(l.fs, l.name(tenant, path), data)
	}
	if err != nil {
		return fmt.Errorf("put secret %q: %w", path, err)
	}
	return nil
}

// Get returns the members of a secret. One that is missing is a
// [audit.CodeAccessDenied]; a file that cannot be read, or is another secret's,
// is an error without a code that names the file. The bearer is not used.
func (l *Local) Get(
	_ context.Context, tenant audit.TenantID, path audit.Path, _ string,
) (map[string]string, error) {
	f, err := l.read(l.name(tenant, path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, denied(path)
	}
	if err != nil {
		return nil, fmt.Errorf("get secret %q: %w", path, err)
	}
	return f.Members, nil
}

// List returns the secrets of all tenants, by tenant and path. Files that
// cannot be read are named by the error, beside the secrets that can.
func (l *Local) List() ([]Secret, error) {
	names, err := l.fs.List(l.dir)
	if err != nil {
		return nil, fmt.Errorf("list secrets: %w", err)
	}
	var damaged []error
	list := []Secret{}
	for _, name := range names {
		if !strings.HasSuffix(name, suffix) {
			continue // being written, or left by a crash
		}
		f, err := l.read(filepath.Join(l.dir, name))
		switch {
		case err == nil:
			list = append(list, Secret{f.Tenant, f.Path, slices.Sorted(maps.Keys(f.Members)), f.UpdatedAt})
		case !errors.Is(err, fs.ErrNotExist): // it may have been deleted since
			damaged = append(damaged, fmt.Errorf("list secrets: %w", err))
		}
	}
	slices.SortFunc(list, func(a, b Secret) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Path, b.Path))
	})
	return list, errors.Join(damaged...)
}

// Delete removes a secret, durably, also one that cannot be read. A missing one
// is a [audit.CodeNotFound].
func (l *Local) Delete(tenant audit.TenantID, path audit.Path) error {
	name := l.name(tenant, path)
	err := l.removeTemps(name)
	// A crash here leaves the secret as it was.
	if err == nil {
		err = l.fs.Remove(name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return audit.Errorf(audit.CodeNotFound, "secret %q: there is none of tenant %s", path, tenant)
	}
	if err == nil {
		// A crash before this returns keeps the secret or loses it, whole.
		err = l.fs.SyncDir(l.dir)
	}
	if err != nil {
		return fmt.Errorf("delete secret %q: %w", path, err)
	}
	return nil
}

// removeTemps removes what crashes left of a secret that was being written: what
// is deleted must not stay beside its key.
func (l *Local) removeTemps(name string) error {
	names, err := l.fs.List(l.dir)
	for _, temp := range names {
		if strings.HasPrefix(temp, filepath.Base(name)+".") && strings.HasSuffix(temp, vfs.TempSuffix) {
			if err := l.fs.Remove(filepath.Join(l.dir, temp)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return err
}

// read reads a secret's file and checks that it is the one its name says.
func (l *Local) read(name string) (*file, error) {
	info, err := l.fs.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Dir || info.Size > maxFile {
		return nil, fmt.Errorf("%s: is no file of a secret", name)
	}
	data, err := vfs.ReadFile(l.fs, name)
	if err != nil {
		return nil, err
	}
	key, err := l.readKey()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: its key %s is missing", name, l.key)
	}
	if err != nil {
		return nil, err
	}
	f, err := open(data, key)
	if err == nil && l.name(f.Tenant, f.Path) != name {
		err = errors.New("it is the file of another secret")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// name returns the name of a secret's file. No tenant has a '/', so that two
// secrets never share one.
func (l *Local) name(tenant audit.TenantID, path audit.Path) string {
	sum := sha256.Sum256([]byte(string(tenant) + "/" + string(path)))
	return filepath.Join(l.dir, hex.EncodeToString(sum[:])+suffix)
}
