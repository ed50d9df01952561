package source_test

import (
	"net/netip"
	"testing"

	"github.com/scaivault/audit/internal/source"
)

// TestTrustedProxy believes what a trusted proxy has appended, and nothing else.
func TestTrustedProxy(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	tests := []struct {
		name, address string
		headers       any // of the request
		want          string
	}{
		{"no proxy", "192.0.2.1", nil, "192.0.2.1"},
		{"no header", "10.0.0.1", nil, "10.0.0.1"},
		{"one hop", "10.0.0.1", []string{"192.0.2.7"}, "192.0.2.7"},
		{"not trusted", "192.0.2.1", []string{"192.0.2.7"}, "192.0.2.1"},
		{"forged before it", "10.0.0.1", []string{"203.0.113.9, 192.0.2.7"}, "192.0.2.7"},
		{"two proxies", "10.0.0.1", []string{"192.0.2.7, 10.0.0.2"}, "192.0.2.7"},
		{"two headers", "10.0.0.1", []string{"192.0.2.7", "10.0.0.2"}, "192.0.2.7"},
		{"proxies only", "10.0.0.1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"with port", "10.0.0.1", []string{"192.0.2.7:4711"}, "192.0.2.7"},
		{"v6", "fd00::1", []string{"2001:db8::7"}, "2001:db8::7"},
		{"v6 with port", "fd00::1", []string{"[2001:db8::7]:4711"}, "2001:db8::7"},
		{"v4 in v6", "::ffff:10.0.0.1", []string{"192.0.2.7"}, "192.0.2.7"},
		{"no address", "10.0.0.1", []string{"unknown"}, "10.0.0.1"},
		{"no address before it", "10.0.0.1", []string{"192.0.2.7, unknown, 10.0.0.2"}, "10.0.0.2"},
		{"hashed", "10.0.0.1", []string{"hmac-sha256:00"}, "10.0.0.1"},
		{"empty", "10.0.0.1", []string{""}, "10.0.0.1"},
	}
	for _, tt := range tests {
		request := members{"id": "r", "path": "kv/a", "remote_address": tt.address,
			"headers": members{"X-Forwarded-For": tt.headers}}
		p := source.NewPairer(source.Options{Trusted: trusted})
		e := read(t, p, line("response", start, request))[0]
		if e.SourceIP != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, e.SourceIP, tt.want)
		}
		if behind := tt.want != tt.address; behind && extra(t, e)["remote_address"] != tt.address && tt.name != "v4 in v6" {
			t.Errorf("%s: the address of the proxy is not kept: %s", tt.name, e.ExtraData)
		}
		plain := read(t, source.NewPairer(source.Options{}), line("response", start, request))[0]
		if plain.SourceIP != tt.address && tt.name != "v4 in v6" {
			t.Errorf("%s: without the setting %s", tt.name, plain.SourceIP)
		}
	}
}
