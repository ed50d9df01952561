package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

// TestUnreadable cuts the file of each segment while a store has it mapped,
// so that the kernel answers those who look at it as it does when the disk fails. What
// needs the segment says which events cannot be read; all else is answered and
// appended as before, and sealing and merging leave the segment alone.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	x := newRuin(t, true)
	refused := 0
	for _, name := range x.names() {
		tenant, _, ok := segmentName(name)
		if !ok {
			continue
		}
		b := x.strike("cut while it is open", name, nil)
		at := t.TempDir()
		for name, content := range x.files {
			file := filepath.Join(at, filepath.FromSlash(name))
			check(t, os.MkdirAll(filepath.Dir(file), 0o700))
			check(t, os.WriteFile(file, content, 0o600))
		}
		s, err := store.Open(vfs.OS{}, at, ruinOptions())
		check(t, err)
		check(t, os.Truncate(filepath.Join(at, filepath.FromSlash(name)), 0))
		for i := range x.questions {
			if x.answer(t, b, s, &x.questions[i], 0) == detected {
				refused++
			}
		}
		for _, tenant := range ruinTenants {
			if lost := x.read(t, b, s, tenant, nil); lost > 0 {
				t.Errorf("%s: %d events of %s are gone", b.what, lost, tenant)
			}
		}
		b.questions(t, x, s, tenant)
		r := put(t, s, tenant, event(900))
		_ = s.Seal(t.Context()) // merging what was cut fails
		if got, err := s.Event(t.Context(), tenant, audit.DerivedID(0, *r.FirstIndex), nil); err != nil || got.Index != *r.FirstIndex {
			t.Errorf("%s: what was appended then: %+v, %v", b.what, got, err)
		}
		check(t, s.Close())
	}
	if refused == 0 {
		t.Error("everything was answered: nothing was cut")
	}
}

// questions asks what the other questions do not: of a log that has lost a
// segment each is refused, or it does not need the segment.
func (b *blow) questions(t *testing.T, x *ruin, s *store.Store, tenant audit.TenantID) {
	t.Helper()
	from, to := begin-audit.Day, begin+audit.Day
	for name, ask := range map[string]func() error{
		"accesses": func() error {
			_, err := s.Accesses(t.Context(), tenant, audit.AccessQuery{})
			return err
		},
		"values": func() error {
			_, err := s.Values(t.Context(), tenant, audit.ValuesQuery{Field: audit.FieldSecretPath, From: &from, To: &to, Limit: 10})
			return err
		},
		"news": func() error {
			_, err := s.News(t.Context(), tenant, audit.NewsQuery{Field: audit.FieldIdentityID, From: begin, To: to, Limit: 10})
			return err
		},
		"branches": func() error {
			_, err := s.Branches(t.Context(), tenant, audit.BranchQuery{From: from, To: to, Limit: 10})
			return err
		},
		"scan": func() error {
			for _, err := range s.Scan(t.Context(), tenant, audit.Query{}) {
				if err != nil {
					return err
				}
			}
			return nil
		},
		"lines": func() error {
			n := 0
			for _, err := range s.ScanLines(t.Context(), tenant, audit.Query{}) {
				if err != nil {
					return err
				}
				n++
			}
			if n != len(x.records[tenant]) {
				return fmt.Errorf("%d lines of %d", n, len(x.records[tenant]))
			}
			return nil
		},
	} {
		err := ask()
		if err == nil {
			continue
		}
		ranges := damagedRanges(err)
		if len(ranges) == 0 {
			t.Errorf("%s: %s of %s: %v", b.what, name, tenant, err)
		}
		for _, r := range ranges {
			b.mayName(t, name, tenant, r)
		}
	}
}
