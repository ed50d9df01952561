package auth_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/auth"
	"github.com/scaivault/audit/internal/vfs"
)

func TestTenants(t *testing.T) {
	m := vfs.NewMem()
	c := newClock()
	tenants := openTenants(t, m, "/data", c)
	check(t, tenants.Create("tnt_a", "prt_1"))
	check(t, tenants.Create("tnt_b", ""))
	wantCode(t, tenants.Create("tnt_a", "prt_1"), audit.CodeIDConflict)
	wantCode(t, tenants.Create("tnt_a", "prt_2"), audit.CodeIDConflict)
	wantCode(t, tenants.Create("tnt_b", ""), audit.CodeIDConflict)
	for _, tc := range []struct {
		id            audit.TenantID
		partner, want string
	}{
		{"tnt_a", "", "prt_1"},
		{"tnt_a", "prt_2", "prt_1"}, // the first stays
		{"tnt_b", "", ""},
		{"tnt_c", "prt_3", "prt_3"}, // first sight
		{"tnt_d", "", ""},
		{"tnt_d", "prt_4", "prt_4"}, // the first that is named
		{"tnt_d", "prt_5", "prt_4"},
	} {
		got, err := tenants.Ensure(tc.id, tc.partner)
		if err != nil || got != tc.want {
			t.Errorf("ensure %s of %q: %q, %v, want %q", tc.id, tc.partner, got, err, tc.want)
		}
	}
	check(t, tenants.Create("tnt_b", "prt_6")) // it had none

	at := audit.TimeOf(c.Now())
	want := []auth.Tenant{
		{"tnt_a", "prt_1", at}, {"tnt_b", "prt_6", at}, {"tnt_c", "prt_3", at}, {"tnt_d", "prt_4", at},
	}
	for name, tenants := range map[string]*auth.Tenants{
		"the same register": tenants, "after a power cut": openTenants(t, m.CrashClone(0, 1), "/data", c),
	} {
		got, err := tenants.List()
		check(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestTenantsRefuse(t *testing.T) {
	m := vfs.NewMem()
	tenants := openTenants(t, m, "/data", newClock())
	for _, tc := range [][2]string{{"", ""}, {"a/b", ""}, {"..", ""}, {"a", "p/q"}, {"a", "p q"}} {
		wantCode(t, tenants.Create(audit.TenantID(tc[0]), tc[1]), audit.CodeValidationError)
		_, err := tenants.Ensure(audit.TenantID(tc[0]), tc[1])
		wantCode(t, err, audit.CodeValidationError)
	}
	if names, err := m.List("/data/tenants"); err != nil || len(names) > 0 {
		t.Errorf("the register holds %v, %v", names, err)
	}
}

func TestTenantsOfAnotherProcess(t *testing.T) {
	c := newClock()
	fsys, dir := vfs.OS{}, t.TempDir()
	server, cli := openTenants(t, fsys, dir, c), openTenants(t, fsys, dir, c)
	wantLookup := func(when string, id audit.TenantID, wantPartner string, want bool) {
		t.Helper()
		if partner, ok := server.Lookup(id); partner != wantPartner || ok != want {
			t.Errorf("%s: %s has partner %q, %v; want %q, %v", when, id, partner, ok, wantPartner, want)
		}
	}
	wantLookup("before", "tnt_a", "", false)
	check(t, cli.Create("tnt_a", ""))
	check(t, cli.Create("tnt_b", "prt_b"))
	wantLookup("within the second", "tnt_a", "", false)
	c.Add(time.Second)
	wantLookup("a second later", "tnt_a", "", true)
	wantLookup("a second later", "tnt_b", "prt_b", true)
	check(t, cli.Create("tnt_a", "prt_a"))
	c.Add(time.Second)
	wantLookup("with a partner that came later", "tnt_a", "prt_a", true)
}

// TestTenantsRace has processes name a tenant at once, with other partners: all
// of them get to know the one that stays.
func TestTenantsRace(t *testing.T) {
	c := newClock()
	m := vfs.NewMem()
	var partners [8]string
	var wg sync.WaitGroup
	for i := range partners {
		tenants := openTenants(t, m, "/data", c)
		wg.Go(func() {
			var err error
			if partners[i], err = tenants.Ensure("tnt_a", fmt.Sprintf("prt_%d", i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, p := range partners {
		if p != partners[0] || p == "" {
			t.Fatalf("partners %q, want all the same", partners)
		}
	}
}

func TestDamagedTenant(t *testing.T) {
	m := vfs.NewMem()
	c := newClock()
	tenants := openTenants(t, m, "/data", c)
	check(t, tenants.Create("tnt_a", "prt_a"))
	check(t, tenants.Create("tnt_b", "prt_b"))
	edit(t, m, "/data/tenants/tnt_a.json", "tnt_a", "tnt_b")
	tenants = openTenants(t, m, "/data", c)
	if _, ok := tenants.Lookup("tnt_a"); ok {
		t.Error("the damaged tenant was found")
	}
	if partner, ok := tenants.Lookup("tnt_b"); !ok || partner != "prt_b" {
		t.Errorf("the other one: %q, %v", partner, ok)
	}
	if _, err := tenants.Ensure("tnt_a", "prt_x"); err == nil {
		t.Error("the damaged tenant was registered anew")
	}
	if list, err := tenants.List(); len(list) != 1 || err == nil {
		t.Errorf("list: %v, %v", list, err)
	}
}

func TestTenantsFail(t *testing.T) {
	errDisk := errors.New("disk on fire")
	for n := 0; ; n++ {
		m := vfs.NewMem()
		c := newClock()
		fsys := vfs.Fail(m, n, errDisk)
		tenants, err := auth.OpenTenants(fsys, "/data", c.Now)
		if err == nil {
			_, err = tenants.Ensure("tnt_a", "")
		}
		if err == nil {
			_, err = tenants.Ensure("tnt_a", "prt_a")
		}
		if !fsys.Fired() {
			check(t, err)
			return
		}
		// Whatever failed, the next try succeeds.
		partner, err := openTenants(t, m, "/data", c).Ensure("tnt_a", "prt_a")
		if err != nil || partner != "prt_a" {
			t.Errorf("after operation %d failed: %q, %v", n, partner, err)
		}
	}
}
