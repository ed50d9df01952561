package export_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/export"
	"github.com/scaivault/audit/internal/vfs"
)

// walk returns the ids of all pages.
func (w *world) walk(t *testing.T, tenant audit.TenantID, q audit.ExportQuery) (ids []audit.ExportID) {
	t.Helper()
	for {
		page, err := w.List(t.Context(), tenant, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Exports {
			ids = append(ids, e.ID)
		}
		if q.After = page.Next; q.After == nil {
			return ids
		}
		if len(page.Exports) != q.Limit {
			t.Fatalf("a page of %d; want %d", len(page.Exports), q.Limit)
		}
	}
}

// Pages hold each export once, the newest first, though the clock stands still.
func TestList(t *testing.T) {
	w := newWorld(t)
	ids := make(map[audit.TenantID][]audit.ExportID)
	for i := range 12 {
		tenant := []audit.TenantID{"tnt_a", "tnt_b"}[i%2]
		e := w.create(t, tenant, request(fmt.Sprint(i)))
		ids[tenant] = slices.Insert(ids[tenant], 0, e.ID)
	}
	if _, err := w.Cancel(t.Context(), "tnt_a", caller("tnt_a"), ids["tnt_a"][2]); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for tenant, want := range ids {
			for limit := 1; limit <= 7; limit++ {
				if got := w.walk(t, tenant, audit.ExportQuery{Limit: limit}); !slices.Equal(got, want) {
					t.Errorf("%s by %d: %v; want %v", tenant, limit, got, want)
				}
			}
		}
		want := slices.Delete(slices.Clone(ids["tnt_a"]), 2, 3)
		if got := w.walk(t, "tnt_a", audit.ExportQuery{Status: audit.ExportPending, Limit: 2}); !slices.Equal(got, want) {
			t.Errorf("pending: %v; want %v", got, want)
		}
		w.reopen(t)
	}
}

// An export of another tenant, or of rows that somebody may not see, is not
// there for them.
func TestWhoSees(t *testing.T) {
	w := newWorld(t)
	all := w.create(t, "tnt_a", request("all")).ID
	db := w.create(t, "tnt_a", request("db"), "prod/db").ID
	two := w.create(t, "tnt_a", request("two"), "prod/db/x", "prod/web").ID
	for _, tt := range []struct {
		tenant audit.TenantID
		scope  []audit.Path
		want   []audit.ExportID
	}{
		{"tnt_a", nil, []audit.ExportID{two, db, all}},
		{"tnt_a", []audit.Path{"prod"}, []audit.ExportID{two, db}},
		{"tnt_a", []audit.Path{"prod/db"}, []audit.ExportID{db}},
		{"tnt_a", []audit.Path{"prod/web", "prod/db"}, []audit.ExportID{two, db}},
		{"tnt_a", []audit.Path{"prod/d"}, nil},
		{"tnt_b", nil, nil},
		{"tnt_c", nil, nil},
	} {
		if got := w.walk(t, tt.tenant, audit.ExportQuery{Within: tt.scope}); !slices.Equal(got, tt.want) {
			t.Errorf("%s %v sees %v; want %v", tt.tenant, tt.scope, got, tt.want)
		}
		for _, id := range []audit.ExportID{all, db, two} {
			_, err := w.Export(t.Context(), tt.tenant, id, tt.scope)
			if slices.Contains(tt.want, id) {
				wantCode(t, err, "")
				continue
			}
			wantCode(t, err, audit.CodeExportNotFound)
			_, missing := w.Export(t.Context(), tt.tenant, "exp_00000000000000000000000000", tt.scope)
			if err.Error() != missing.Error() {
				t.Errorf("%q differs from %q", err, missing)
			}
			_, err = w.Cancel(t.Context(), tt.tenant, caller(tt.tenant, tt.scope...), id)
			wantCode(t, err, audit.CodeExportNotFound)
		}
	}
}

// A request with the key of an earlier one is answered with that one's export.
func TestKey(t *testing.T) {
	w := newWorld(t)
	r := request("a")
	r.Key, r.Digest = "k", [32]byte{1}
	first := w.create(t, "tnt_a", r)
	again := func(tenant audit.TenantID, r audit.ExportRequest, replay bool) {
		t.Helper()
		e, replayed, err := w.Create(t.Context(), tenant, caller(tenant), r)
		if err != nil || replayed != replay || replay && !cmp.Equal(e, first) || !replay && e.ID == first.ID {
			t.Errorf("%+v, %t, %v; want replayed %t", e, replayed, err, replay)
		}
	}
	again("tnt_a", r, true)
	w.reopen(t)
	w.Advance(24 * time.Hour)
	again("tnt_a", r, true)
	again("tnt_b", r, false)
	other := r
	other.Digest = [32]byte{2}
	_, _, err := w.Create(t.Context(), "tnt_a", caller("tnt_a"), other)
	wantCode(t, err, audit.CodeIDConflict)
	w.Advance(time.Microsecond)
	again("tnt_a", r, false)
}

func TestUnfinishedLimit(t *testing.T) {
	w := newWorld(t)
	for range export.MaxUnfinished {
		w.create(t, "tnt_a", request(""))
	}
	_, _, err := w.Create(t.Context(), "tnt_a", caller("tnt_a"), request(""))
	wantCode(t, err, audit.CodeRateLimited)
	w.create(t, "tnt_b", request(""))
	if _, err := w.Cancel(t.Context(), "tnt_a", caller("tnt_a"), w.walk(t, "tnt_a", audit.ExportQuery{})[0]); err != nil {
		t.Fatal(err)
	}
	w.create(t, "tnt_a", request(""))
}

// Records of finished exports go when they are old; unfinished ones stay.
func TestRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		old := w.create(t, "tnt_a", request("old")).ID
		w.runAll(t.Context())
		w.Advance(time.Hour)
		pending := w.create(t, "tnt_a", request("pending")).ID
		w.cloud.hook = func(string, string) error { return errPassing }
		w.Advance(90*24*time.Hour - time.Hour)
		ask := func(want ...audit.ExportID) {
			t.Helper()
			w.run(t.Context())
			w.stop()
			if got := w.walk(t, "tnt_a", audit.ExportQuery{}); !slices.Equal(got, want) {
				t.Errorf("left %v; want %v", got, want)
			}
			names, err := w.disk.List("data/exports/tnt_a")
			if err != nil || len(names) != len(want) {
				t.Errorf("on disk: %v, %v", names, err)
			}
		}
		ask(pending, old)
		w.Advance(time.Microsecond)
		ask(pending)
	})
}

// The many exports of one tenant do not keep another's waiting.
func TestFairness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for range 5 {
			w.create(t, "tnt_a", request(""))
		}
		id := w.create(t, "tnt_b", request("")).ID
		hold := make(chan struct{})
		w.cloud.hook = func(op, _ string) error {
			if op == "open" {
				<-hold
			}
			return nil
		}
		w.run(t.Context())
		running := w.walk(t, "tnt_a", audit.ExportQuery{Status: audit.ExportRunning})
		if e := w.get(t, "tnt_b", id); e.Status != audit.ExportRunning || len(running) != 1 {
			t.Errorf("%s, and %d of the other tenant", e.Status, len(running))
		}
		close(hold)
		w.stop()
	})
}

// Documents that cannot be read keep nobody from the others.
func TestDamagedDocument(t *testing.T) {
	w := newWorld(t)
	id := w.create(t, "tnt_a", request("a")).ID
	good, err := vfs.ReadFile(w.disk, "data/exports/tnt_a/"+string(id)+".json")
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"tnt_a/exp_1.json":              []byte("{"),
		"tnt_a/exp_2.json":              []byte(`{"version":2}`),
		"tnt_a/exp_3.json":              good, // under another name
		"tnt_b/" + string(id) + ".json": good, // of another tenant
	} {
		if err := w.disk.MkdirAll("data/exports/" + name[:5]); err != nil {
			t.Fatal(err)
		}
		if err := vfs.WriteFile(w.disk, "data/exports/"+name, data); err != nil {
			t.Fatal(err)
		}
	}
	w.reopen(t)
	if got := w.walk(t, "tnt_a", audit.ExportQuery{}); !slices.Equal(got, []audit.ExportID{id}) {
		t.Errorf("there are %v", got)
	}
	if got := w.walk(t, "tnt_b", audit.ExportQuery{}); len(got) != 0 {
		t.Errorf("tnt_b has %v", got)
	}
}
