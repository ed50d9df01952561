package api

import (
	"testing"
	"time"

	"github.com/scaivault/audit"
)

// TestLimiterMemory fills a limiter beyond its bound: who waited longest is
// forgotten, everyone else is not.
func TestLimiterMemory(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	l := newLimiter(2, DefaultQueryRate)
	who := func(i int) caller {
		return caller{"tnt_a", audit.IdentityID([]byte{byte(i), byte(i >> 8), byte(i >> 16)})}
	}
	for i := range maxBuckets {
		l.take(who(i), now)
	}
	if a := l.take(who(0), now); a.remaining != 0 || !a.allowed {
		t.Errorf("the second request of an identity: %+v", a)
	}
	l.take(who(maxBuckets), now) // one past the bound: identity 1 goes
	if len(l.buckets) != maxBuckets || l.recent.Len() != maxBuckets {
		t.Errorf("%d and %d buckets, want %d", len(l.buckets), l.recent.Len(), maxBuckets)
	}
	if a := l.take(who(0), now); a.allowed {
		t.Error("an identity that asked lately was forgotten")
	}
	if a := l.take(who(1), now); a.remaining != 1 {
		t.Errorf("a forgotten identity: %+v", a)
	}
}

func TestDefaultRates(t *testing.T) {
	s := New(Config{Clock: time.Now, ExportRate: 5})
	if got := s.limits[queries].perMinute; got != DefaultQueryRate {
		t.Errorf("queries: %d", got)
	}
	if got := s.limits[exports].perMinute; got != 5 {
		t.Errorf("exports: %d", got)
	}
}
