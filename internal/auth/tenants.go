package auth

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

// The files of the tenant ID, below the directory tenants; both are written
// once, by whoever is first.
const (
	tenantSuffix  = ".json"    // the tenant as it was when first seen
	partnerSuffix = ".partner" // its partner, if that was not known then
)

// Tenant is what is known of a tenant.
type Tenant struct {
	ID        audit.TenantID `json:"id"`
	Partner   string         `json:"partner"` // "" if there is none
	CreatedAt audit.Time     `json:"created_at"`
}

// tenantFile is the content of both files of a tenant.
type tenantFile struct {
	Format int `json:"format"`
	Tenant
}

// Tenants is the register of tenants. A tenant stays for ever, and so does its
// partner once it has one. Any number of processes may have the register open;
// it is safe for concurrent use.
type Tenants struct {
	fs    vfs.FS
	dir   string
	clock func() time.Time

	mu     sync.Mutex // guards the fields below; held while using the disk
	loaded time.Time  // when the directory was read; zero for never
	known  map[audit.TenantID]Tenant
}

// OpenTenants opens the register in the data directory dir, which it makes if
// there is none.
func OpenTenants(fsys vfs.FS, dir string, clock func() time.Time) (*Tenants, error) {
	dir = filepath.Join(dir, "tenants")
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("open tenants: %w", err)
	}
	return &Tenants{fs: fsys, dir: dir, clock: clock, known: make(map[audit.TenantID]Tenant)}, nil
}

// Create registers a tenant and its partner, "" if it has none, durably. It
// may give a partner to a tenant that has none yet; any other tenant that
// exists is a [audit.CodeIDConflict].
func (s *Tenants) Create(id audit.TenantID, partner string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	news, err := s.add(id, partner)
	if err == nil && !news {
		err = audit.Errorf(audit.CodeIDConflict, "create tenant %s: it exists", id)
	}
	return err
}

// Ensure registers a tenant that somebody names, durably, unless it exists, and
// returns its partner. The first partner that is named stays.
func (s *Tenants) Ensure(id audit.TenantID, partner string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.known[id]; ok && (t.Partner != "" || partner == "") {
		return t.Partner, nil
	}
	_, err := s.add(id, partner)
	return s.known[id].Partner, err
}

// Lookup returns the partner of a tenant, and whether the tenant exists.
func (s *Tenants) Lookup(id audit.TenantID) (partner string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.known[id]
	if !ok || t.Partner == "" { // what another process may have changed
		s.reload() // an error leaves what is known
		t, ok = s.known[id]
	}
	return t.Partner, ok
}

// List returns all tenants by id. Files that cannot be read are named by the
// error, beside the tenants that can.
func (s *Tenants) List() ([]Tenant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.load()
	list := make([]Tenant, 0, len(s.known))
	for _, t := range s.known {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b Tenant) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return list, err
}

// add registers a tenant, or its partner, or nothing that is new.
func (s *Tenants) add(id audit.TenantID, partner string) (news bool, err error) {
	if _, err := audit.ParseTenantID(string(id)); err != nil {
		return false, err
	}
	if err := checkPartner(partner); err != nil {
		return false, err
	}
	file := tenantFile{fileFormat, Tenant{id, partner, audit.TimeOf(s.clock())}}
	news, err = s.write(file, tenantSuffix)
	if err != nil {
		return false, err
	}
	if err := s.read(id); err != nil {
		return false, err
	}
	if partner == "" || s.known[id].Partner != "" {
		return news, nil
	}
	if news, err = s.write(file, partnerSuffix); err != nil {
		return false, err
	}
	return news, s.read(id)
}

// write writes a file of a tenant; news is false if somebody was faster.
func (s *Tenants) write(file tenantFile, suffix string) (news bool, err error) {
	data, err := encode(file)
	if err == nil {
		err = vfs.WriteNew(s.fs, s.path(file.ID, suffix), data)
	}
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("create tenant %s: %w", file.ID, err)
	}
	return true, nil
}

// read reads the files of a tenant.
func (s *Tenants) read(id audit.TenantID) error {
	t, err := s.readFile(id, tenantSuffix)
	if err != nil {
		return err
	}
	if t.Partner == "" {
		named, err := s.readFile(id, partnerSuffix)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		t.Partner = named.Partner
	}
	s.known[id] = t
	return nil
}

func (s *Tenants) readFile(id audit.TenantID, suffix string) (Tenant, error) {
	var file tenantFile
	data, err := vfs.ReadFile(s.fs, s.path(id, suffix))
	if err == nil {
		err = decodeStrict(data, &file)
	}
	if err == nil && (file.Format != fileFormat || file.ID != id) {
		err = errors.New("it is not the file of this tenant")
	}
	if err != nil {
		return Tenant{}, fmt.Errorf("load tenant %s: %w", id, err)
	}
	return file.Tenant, nil
}

// reload reads the directory if the last time was long enough ago.
func (s *Tenants) reload() {
	if since := s.clock().Sub(s.loaded); s.loaded.IsZero() || since < 0 || since >= reloadEvery {
		s.load()
	}
}

// load reads what is new in the directory.
func (s *Tenants) load() error {
	s.loaded = s.clock()
	names, err := s.fs.List(s.dir)
	if err != nil {
		return fmt.Errorf("load tenants: %w", err)
	}
	var damaged []error
	for _, name := range names {
		// Names sort such that ID.json comes before ID.partner.
		base, isTenant := strings.CutSuffix(name, tenantSuffix)
		base, isPartner := strings.CutSuffix(base, partnerSuffix)
		id := audit.TenantID(base)
		t, known := s.known[id]
		if isTenant && !known || isPartner && t.Partner == "" {
			damaged = append(damaged, s.read(id))
		}
	}
	return errors.Join(damaged...)
}

func (s *Tenants) path(id audit.TenantID, suffix string) string {
	return filepath.Join(s.dir, string(id)+suffix)
}

// checkPartner checks the name of a partner, "" or one by the rule for tenants.
func checkPartner(s string) error {
	if s == "" {
		return nil
	}
	if _, err := audit.ParseTenantID(s); err != nil {
		return audit.Errorf(audit.CodeValidationError, "partner: %w", err)
	}
	return nil
}
