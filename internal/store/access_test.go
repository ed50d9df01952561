package store

import (
	"strings"
	"testing"

	"github.com/scaivault/audit"
)

// bare is a part of which nothing can be asked.
type bare struct{ part }

// TestAccessesPanic reads a part in its own goroutine and panics there: the caller
// hears of it, and where it was.
func TestAccessesPanic(t *testing.T) {
	v := &view{parts: []*plan{{part: bare{}, filter: &audit.Filter{}}}}
	list, err := v.accesses(t.Context())
	if list != nil || err == nil || !strings.Contains(err.Error(), "panic") || !strings.Contains(err.Error(), "accesses") {
		t.Errorf("%v, %v", list, err)
	}
}
