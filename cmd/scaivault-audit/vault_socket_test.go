package main

import (
	"strings"
	"testing"
)

func TestVaultSettings(t *testing.T) {
	good := map[string]bool{"tcp://127.0.0.1:9000?tenant=a": false, "tcp://[::1]:9000?tenant=a": false,
		"tcp://localhost:9000?tenant=a": false, "unix:///run/x.sock?tenant=a": false,
		"tcp://0.0.0.0:9000?tenant=a&client-ca=/ca.pem": true}
	for url, cert := range good {
		c := vaultSettings{PairWait: maxPairWait, VaultSocket: []string{url}}
		if err := c.check(cert); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	for url, says := range map[string]string{
		"":                                                "want tcp://",
		"127.0.0.1:9000":                                  "",
		"udp://127.0.0.1:9000?tenant=a":                   "want tcp://",
		"tcp://127.0.0.1?tenant=a":                        "want tcp://",
		"tcp://127.0.0.1:9000/x?tenant=a":                 "want tcp://",
		"tcp://127.0.0.1:9000":                            "tenant",
		"tcp://127.0.0.1:9000?tenant=a/b":                 "tenant",
		"tcp://127.0.0.1:9000?tenant=a&tenant=b":          "one tenant",
		"tcp://127.0.0.1:9000?tenant=a&mode=1":            "unknown parameter",
		"tcp://0.0.0.0:9000?tenant=a":                     "client-ca",
		"tcp://:9000?tenant=a":                            "client-ca",
		"tcp://127.0.0.1:9000?tenant=a&client-ca=/ca.pem": "--tls-cert",
		"unix://x.sock?tenant=a":                          "want tcp://",
		"unix:///run/x.sock?tenant=a&client-ca=/ca.pem":   "unknown parameter",
		"unix:///run/x.sock":                              "tenant",
	} {
		c := vaultSettings{PairWait: maxPairWait, VaultSocket: []string{url}}
		if err := c.check(false); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, want %q", url, err, says)
		}
	}
}
