package api

import (
	"unsafe"

	"github.com/scaivault/audit"
)

// room is the memory of a batch: its text and its events, which alias the text.
// The next request gets it again: memory that was touched a moment ago is in the
// cache, whereas new memory costs more than what is done with it.
type room struct {
	text   []byte
	events []audit.Event
}

// takeRoom returns a room for a request.
func (s *Server) takeRoom() *room {
	if r, ok := s.rooms.Get().(*room); ok {
		return r
	}
	return new(room)
}

// putBack gives a room to the next request. Nobody may use what was in it any
// more. That of a large batch goes.
func (s *Server) putBack(r *room) {
	if cap(r.text) <= maxTrust+1 {
		s.rooms.Put(r)
	}
}

// alias returns b as a text, as long as which is used b must not change.
func alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
