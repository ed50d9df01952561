package ui

import (
	"testing"
	"time"
)

// TestMaxSessions fills the table: at its limit all sessions are there, one
// past it the one that was idle longest is gone.
func TestMaxSessions(t *testing.T) {
	now := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	s := newSessions(func() time.Time { return now })
	s.byID = make(map[string]*session, MaxSessions)
	first := s.create("a", "")
	now = now.Add(time.Second)
	second := s.create("b", "")
	for i := len(s.byID); i < MaxSessions; i++ { // as create would, without its sweep of the table
		s.byID[newSecret().String()] = &session{created: now, seen: now}
	}
	now = now.Add(time.Second)
	if _, ok := s.find(second); !ok || len(s.byID) != MaxSessions {
		t.Fatalf("%d sessions, want %d", len(s.byID), MaxSessions)
	}
	last := s.create("c", "")
	_, ok1 := s.find(first)
	_, ok2 := s.find(second)
	_, ok3 := s.find(last)
	if ok1 || !ok2 || !ok3 || len(s.byID) != MaxSessions {
		t.Errorf("the idlest is there: %t, others: %t, %t; %d sessions", ok1, ok2, ok3, len(s.byID))
	}
}
