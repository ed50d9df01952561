package api_test

import (
	"fmt"
	"testing"

	"github.com/scaivault/audit/internal/api"
)

// TestAnyFuture appends events of the far future, with and without the switch
// for imports.
func TestAnyFuture(t *testing.T) {
	for _, any := range []bool{false, true} {
		s := start(t, func(c *api.Config) { c.AnyFuture = any })
		for timestamp, ok := range map[string]bool{
			"2026-06-16T12:00:00.000000Z": true,
			"2026-06-16T12:00:00.000001Z": any,
			"2261-12-31T23:59:59.999999Z": any,
			"2262-01-01T00:00:00Z":        false,
		} {
			body := fmt.Sprintf(`{"timestamp":%q,%s`, timestamp, event[1:])
			if r := s.post(t, "writer", "/v1/audit/logs", body, jsonType); (r.StatusCode == 200) != ok {
				t.Errorf("%s with AnyFuture %t: %d", timestamp, any, r.StatusCode)
			}
		}
	}
}

// TestReplay sends a batch of one tenant, with its ids and its key, to
// another: it is stored there as new, and nothing changes where it came from.
func TestReplay(t *testing.T) {
	s := start(t, onStore(t))
	body := `{"id":"log_1","timestamp":"2026-06-15T11:00:00Z",` + event[1:]
	for _, as := range []string{"writer", "other"} {
		for replayed, want := range []string{"", "true"} {
			r := s.post(t, as, "/v1/audit/logs", body, jsonType, "Idempotency-Key: k")
			if r.member("accepted") == parse("0") || r.Header.Get("Idempotency-Replayed") != want {
				t.Errorf("%s, replayed %d times: %s", as, replayed, r.body)
			}
		}
		r := s.post(t, as, "/v1/audit/logs", body, jsonType)
		if r.body != `{"accepted":0,"duplicates":1,"rejected":[],"first_index":null,"last_index":null}` {
			t.Errorf("%s, without the key: %s", as, r.body)
		}
	}
	for _, as := range []string{"reader", "other"} {
		if ids := s.get(t, as, "/v1/audit/logs").ids(); len(ids) != 1 {
			t.Errorf("%s sees %v", as, ids)
		}
	}
}
