package api_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"testing"
)

// TestWalk reads a log page by page while events are appended everywhere in
// it: each walk sees what existed when it began, each event once, in order.
func TestWalk(t *testing.T) {
	for _, order := range []string{"desc", "asc", "index"} {
		for _, limit := range []int{1, 2, 3, 7} {
			s := start(t, onStore(t))
			s.seed(t)
			all := s.get(t, "reader", "/v1/audit/logs?order="+order).ids()
			var walked []string
			target := fmt.Sprintf("/v1/audit/logs?order=%s&limit=%d", order, limit)
			for pages, cursor := 0, ""; ; pages++ {
				r := s.get(t, "reader", target+cursor)
				walked = append(walked, r.ids()...)
				more := len(walked) < len(all)
				if r.member("has_more") != more {
					t.Fatalf("%s: has_more %v after %d of %d", target, r.member("has_more"), len(walked), len(all))
				}
				if !more {
					break
				}
				cursor = "&cursor=" + r.member("cursor").(string)
				for _, day := range []string{"2026-04-02", "2026-06-02", "2026-06-06", "2026-06-15"} {
					body := fmt.Sprintf(`{"id":"log_%s-%d","timestamp":"%s",%s`, day, pages, day, event[1:])
					if r := s.post(t, "writer", "/v1/audit/logs", body, jsonType); r.StatusCode != 200 {
						t.Fatal(r.body)
					}
				}
			}
			if !slices.Equal(walked, all) {
				t.Errorf("%s: walked %v, want %v", target, walked, all)
			}
		}
	}
}

// TestForgedCursors flips every bit of a good cursor: always the same refusal.
func TestForgedCursors(t *testing.T) {
	s := start(t)
	s.seed(t)
	sealed := s.get(t, "reader", "/v1/audit/logs?limit=1").member("cursor").(string)
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(raw []byte) response {
		return s.get(t, "reader", "/v1/audit/logs?cursor="+base64.RawURLEncoding.EncodeToString(raw),
			"X-Request-ID: same")
	}
	if r := ask(raw); r.StatusCode != 200 {
		t.Fatalf("as it was: %s", r.body)
	}
	refusal := ask(raw[1:]).body
	for bit := range 8 * len(raw) {
		forged := slices.Clone(raw)
		forged[bit/8] ^= 1 << (bit % 8)
		r := ask(forged)
		if r.StatusCode != 400 || r.member("error.code") != "invalid_cursor" || r.body != refusal {
			t.Errorf("bit %d: %d %s", bit, r.StatusCode, r.body)
		}
	}
}
