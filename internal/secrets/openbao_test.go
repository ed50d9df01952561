package secrets_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
)

// TestVaultAsksAsOpenBaoDoes compares what is asked with testdata/openbao.txt:
// the requests of github.com/openbao/openbao/api/v2 v2.7.1 (WriteWithContext,
// KVv2.Get) for the same login and secrets, without what every client of HTTP
// sends. That client is not used itself: it takes settings and proxies from the
// environment and repeats a server's words in its errors, which may quote what
// it was sent.
func TestVaultAsksAsOpenBaoDoes(t *testing.T) {
	const odd = "exports/tnt_a/größe 1%"
	var recorded strings.Builder
	b := newBao(t)
	b.secrets["/v1/kv/data/"+odd] = b.secrets["/v1/kv/data/exports/tnt_a/s3"]
	answer := b.Config.Handler
	b.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		record(&recorded, r, body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer.ServeHTTP(w, r)
	})
	v := newVault(t, byRole(t, b))
	for _, path := range []audit.Path{"exports/tnt_a/s3", odd} {
		_, err := v.Get(t.Context(), "tnt_a", path, "")
		check(t, err)
	}
	want, err := os.ReadFile("testdata/openbao.txt")
	check(t, err)
	// A login is a POST in the documentation of both servers; they take either.
	text := strings.Replace(string(want), "PUT /v1/auth", "POST /v1/auth", 1)
	if diff := cmp.Diff(text, strings.TrimPrefix(recorded.String(), "\n")); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// record writes down a request.
func record(to *strings.Builder, r *http.Request, body []byte) {
	to.WriteString("\n" + r.Method + " " + r.RequestURI + "\n")
	var lines []string
	for name, values := range r.Header {
		switch name {
		case "Accept", "Accept-Encoding", "Content-Length", "Content-Type", "User-Agent":
			continue
		}
		lines = append(lines, name+": "+strings.Join(values, ", ")+"\n")
	}
	slices.Sort(lines)
	to.WriteString(strings.Join(lines, ""))
	if len(body) > 0 {
		to.WriteString(string(body) + "\n")
	}
}
