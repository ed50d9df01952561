package api_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/url"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/api"
	"github.com/scaivault/audit/internal/sink"
	"github.com/scaivault/audit/internal/vfs"
)

// nowhere is a network that reaches nobody.
type nowhere struct{}

func (nowhere) DialContext(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("connection refused")
}

func (nowhere) AllowsPlain(u *url.URL) bool { return u.Hostname() == "127.0.0.1" }

// sinkSecrets has one secret, which the service may read.
type sinkSecrets struct{}

func (sinkSecrets) Get(_ context.Context, _ audit.TenantID, path audit.Path, bearer string) (map[string]string, error) {
	if path != "sinks/splunk" || bearer != "" {
		return nil, audit.Errorf(audit.CodeAccessDenied, "secret %q: no", path)
	}
	return map[string]string{"token": "value"}, nil
}

// newSinks returns the real sinks over the server's log. They send nothing but
// tests.
func newSinks(c *api.Config) *sink.Manager {
	m, err := sink.Open(vfs.NewMem(), "data", sink.Options{Log: c.Log.(sink.Log), Secrets: sinkSecrets{}, Egress: nowhere{},
		Clock: c.Clock, Logger: slog.New(slog.DiscardHandler), Files: "out", Version: "1.2.3"})
	if err != nil {
		panic(err) // a disk in memory does not fail
	}
	return m
}
