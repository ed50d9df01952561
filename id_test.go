package audit_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/scaivault/audit"
)

func TestEventIDValid(t *testing.T) {
	for id, want := range map[audit.EventID]bool{
		"log_a": true, "log_A-z_09": true, "log_0000000000000001": true,
		audit.EventID("log_" + strings.Repeat("x", 60)): true,
		"": false, "log_": false, "log": false, "evt_a": false, "LOG_a": false, " log_a": false,
		"log_a b": false,
		"log_ä":   false, "log_a\n": false, "log_a/b": false,
		audit.EventID("log_" + strings.Repeat("x", 61)): false,
	} {
		if got := id.Valid(); got != want {
			t.Errorf("%q valid: %v, want %v", id, got, want)
		}
	}
}

func TestDerivedID(t *testing.T) {
	for want, place := range map[audit.EventID]struct {
		origin uint16
		index  uint64
	}{
		"log_0000000000000000": {0, 0},
		"log_000000000001e240": {0, 123456},
		"log_0001000000000001": {1, 1},
		"log_ffffffffffffffff": {0xffff, audit.MaxIndex},
	} {
		if got := audit.DerivedID(place.origin, place.index); got != want {
			t.Errorf("%d, %d: %s, want %s", place.origin, place.index, got, want)
		}
	}
}

func TestDerivedIDReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		origin := rapid.Uint16().Draw(t, "origin")
		index := rapid.Uint64Range(0, audit.MaxIndex).Draw(t, "index")
		id := audit.DerivedID(origin, index)
		o, i, ok := id.Derived()
		if !ok || o != origin || i != index || !id.Valid() {
			t.Fatalf("%d, %d: %s reads %d, %d, %v", origin, index, id, o, i, ok)
		}
		if index < audit.MaxIndex && audit.DerivedID(origin, index+1) <= id {
			t.Fatalf("the id after %s sorts before it", id)
		}
	})
}

func TestNotDerived(t *testing.T) {
	for _, id := range []audit.EventID{
		"", "log_", "log_abc", "log_000000000000000", "log_00000000000000000", "log_000000000000000A",
		"log_000000000000000g",
		"log_+000000000000001", "log_0000_00000000001", "evt_0000000000000001", "log_00000000000000\u00e9",
	} {
		if origin, index, ok := id.Derived(); ok {
			t.Errorf("%q is derived from %d, %d", id, origin, index)
		}
	}
}
