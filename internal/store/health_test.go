package store_test

import (
	"testing"

	"github.com/scaivault/audit/internal/vfs"
)

// TestHealthOfOneTenant sees that figures of one log tell nothing of others.
func TestHealthOfOneTenant(t *testing.T) {
	s := open(t, vfs.NewMem(), options())
	put(t, s, acme, event(1))
	put(t, s, bravo, event(2))
	put(t, s, bravo, event(3))
	got, err := s.Health(t.Context(), acme)
	check(t, err)
	if got["events"] != uint64(1) {
		t.Errorf("%v events of acme, want 1", got["events"])
	}
	for _, name := range []string{"tenants", "wal_bytes"} {
		if v, ok := got[name]; ok {
			t.Errorf("figures of one tenant have %s = %v", name, v)
		}
	}
}
