package main

import (
	"strings"
	"testing"

	"github.com/scaivault/audit"
)

// TestPageSettings tells of every flag of serve by its name, and of no secret.
func TestPageSettings(t *testing.T) {
	help := strings.ReplaceAll(runLine(t, "", "serve", "--help").Stdout, "[no-]", "")
	c := serveCommand{Data: "/data", DevToken: "skt_secret", ExportDir: []string{"/a", "/b"}, Sample: true}
	values := make(map[string]string)
	for _, s := range pageSettings(&c) {
		values[s.Name] = s.Value
		if !strings.Contains(help, s.Name) {
			t.Errorf("%s is no flag of serve", s.Name)
		}
		if s.Help == "" || strings.Contains(s.Help, "${") || strings.Contains(s.Value, "skt_secret") {
			t.Errorf("%+v", s)
		}
	}
	for name, want := range map[string]string{"--data": "/data", "--export-dir": "/a, /b", "--sample": "true",
		"--issuer": "", "--jwks-url": "", "--vault-token-file": "", "--accept-rollback": ""} {
		if got, ok := values[name]; !ok || got != want {
			t.Errorf("%s is %q, %t; want %q", name, got, ok, want)
		}
	}
}

// TestPageSockets tells a tenant of its own sockets only, and not of files of
// the operator's.
func TestPageSockets(t *testing.T) {
	s := pageSources{sockets: []string{"unix:///run/vault.sock?tenant=tnt_a", "tcp://127.0.0.1:9090?tenant=tnt_b",
		"tcp://10.0.0.1:9091?tenant=tnt_a&client-ca=/etc/ca.pem"}}
	for tenant, want := range map[audit.TenantID]string{"tnt_a": "unix:///run/vault.sock tcp://10.0.0.1:9091",
		"tnt_b": "tcp://127.0.0.1:9090", "tnt_c": ""} {
		if got := strings.Join(s.Sockets(tenant), " "); got != want {
			t.Errorf("sockets of %s are %q, want %q", tenant, got, want)
		}
	}
}
