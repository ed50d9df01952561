package main

import (
	"strings"
	"testing"
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
