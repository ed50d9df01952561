package api_test

import (
	"log/slog"
	"testing"

	"github.com/scaivault/audit/internal/api"
	"github.com/scaivault/audit/internal/store"
	"github.com/scaivault/audit/internal/vfs"
)

// onStore puts the real store, in memory, behind the API.
func onStore(t *testing.T) func(*api.Config) {
	return func(c *api.Config) {
		s, err := store.Open(vfs.NewMem(), "data",
			store.Options{Clock: c.Clock, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		c.Log = s
	}
}
