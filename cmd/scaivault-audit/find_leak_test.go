package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// hashOf is the hash of a value as a device writes it whose salt is its name.
func hashOf(device, value string) string {
	mac := hmac.New(sha256.New, []byte(device))
	mac.Write([]byte(value))
	return "hmac-sha256:" + hex.EncodeToString(mac.Sum(nil))
}

// stubVault is the part of Vault that find-leak asks.
func stubVault(t *testing.T) string {
	mux := http.NewServeMux()
	admit := func(h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Vault-Token") != "hvs.operator" {
				w.WriteHeader(http.StatusForbidden)
				fmt.Fprint(w, `{"errors":["permission denied"]}`)
				return
			}
			h(w, r)
		}
	}
	mux.HandleFunc("GET /v1/sys/audit", admit(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"request_id":"r","data":{"file/":{"type":"file"},"socket/":{"type":"socket"}}}`)
	}))
	mux.HandleFunc("POST /v1/sys/audit-hash/{device}", admit(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Input string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		fmt.Fprintf(w, `{"hash":%q}`, hashOf(r.PathValue("device"), body.Input))
	}))
	s := httptest.NewTLSServer(mux)
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("VAULT_CACERT", ca)
	return s.URL
}

func TestFindLeak(t *testing.T) {
	const token, password = "hvs.leaked", "p4ssw0rd"
	vault := stubVault(t)
	data := t.TempDir()
	audits := newToken(t, data, "tnt_a")
	p := serve(t, nil, "--data", data)
	line := func(id, device, token, password string) string {
		return fmt.Sprintf(`{"type":"response","time":"2026-01-01T00:00:00Z","auth":{"client_token":%q,"display_name":"userpass-%s"},`+
			`"request":{"id":%q,"operation":"update","path":"kv/%s","remote_address":"192.0.2.1","data":{"deep":{"password":%q}}}}`+"\n",
			hashOf(device, token), id, id, id, hashOf(device, password))
	}
	r, err := http.NewRequest("POST", p.url+"/v1/audit/ingest/vault", strings.NewReader(
		line("used", "file", token, "x")+line("other", "file", "t", "x")+
			line("socket", "socket", token, "x")+line("wrote", "file", "t", password)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+audits)
	resp, err := http.DefaultClient.Do(r)
	if err != nil || resp.StatusCode != http.StatusNoContent {
		t.Fatal(resp, err)
	}
	resp.Body.Close()

	for _, tt := range []struct {
		name, stdin, as string
		args            []string
		code            int
		events          []string // by their request ids
		says            string
	}{
		{"token", token + "\n", "hvs.operator", nil, 0, []string{"used", "socket"}, "2 events with the value, by\n    user:userpass-"},
		{"tokens only", token, "hvs.operator", []string{"--tokens-only"}, 0, []string{"used", "socket"}, "2 events"},
		{"one device", token, "hvs.operator", []string{"--device", "socket"}, 0, []string{"socket"}, "user:userpass-socket from 192.0.2.1"},
		{"value", password, "hvs.operator", nil, 0, []string{"wrote"}, "1 event"},
		{"value, tokens only", password, "hvs.operator", []string{"--tokens-only"}, 4, nil, "no event holds the value"},
		{"another time", token, "hvs.operator", []string{"--to", "2025-12-31"}, 4, nil, "hashes of 2 devices"},
		{"not allowed", token, "hvs.other", nil, 3, nil, "permission denied"},
		{"no token", token, "", nil, 5, nil, "VAULT_TOKEN"},
		{"nothing", "\n", "hvs.operator", nil, 5, nil, "standard input"},
		{"in the open", token, "hvs.operator", []string{"--vault-addr", "http://192.0.2.1:8200"}, 5, nil, "https"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"find-leak", "--url", p.url, "--vault-addr", vault}, tt.args...)
			c := exec.Command("scaivault-audit", args...)
			c.Env = append(os.Environ(), "SCAIVAULT_TOKEN="+audits, "VAULT_TOKEN="+tt.as, "GORACE="+raceQuick)
			c.Stdin = strings.NewReader(tt.stdin)
			var out, errs bytes.Buffer
			c.Stdout, c.Stderr = &out, &errs
			c.Run()
			if code := c.ProcessState.ExitCode(); code != tt.code || !strings.Contains(errs.String(), tt.says) {
				t.Errorf("exit code %d, %q; want %d, %q", code, errs.String(), tt.code, tt.says)
			}
			for _, secret := range []string{token, password} {
				if strings.Contains(out.String()+errs.String(), secret) {
					t.Errorf("the value is printed:\n%s%s", out.String(), errs.String())
				}
			}
			if n := strings.Count(out.String(), "\n"); n != len(tt.events) {
				t.Errorf("%d events, want %v:\n%s", n, tt.events, out.String())
			}
			for _, id := range tt.events {
				if !strings.Contains(out.String(), `"request_id":"`+id+`"`) {
					t.Errorf("%s is missing:\n%s", id, out.String())
				}
			}
		})
	}
	p.end(t)
}
