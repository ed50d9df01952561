package store

import (
	"context"

	"github.com/scaivault/audit"
)

// Wait returns the size of the tenant's log as soon as it is larger than size:
// then the events from size on can be read. A tenant may have no log yet. The
// error is ctx's if that ends first; the size is returned beside it.
func (s *Store) Wait(ctx context.Context, tenant audit.TenantID, size uint64) (uint64, error) {
	l := s.log(tenant)
	for {
		now, grown := l.growth()
		if now > size {
			return now, nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return now, ctx.Err()
		}
	}
}

// growth returns the log's size and what is closed when it is larger.
func (l *tenantLog) growth() (size uint64, grown <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.grown == nil {
		l.grown = make(chan struct{})
	}
	return l.end(), l.grown
}

// wakeWaiting tells those who wait that the log has grown. The caller holds mu.
func (l *tenantLog) wakeWaiting() {
	if l.grown != nil {
		close(l.grown)
		l.grown = nil
	}
}
