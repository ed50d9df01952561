package secrets_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/secrets"
)

// stub is a server that writes down what it is asked, and answers as its
// function does.
type stub struct {
	*httptest.Server
	answer func(w http.ResponseWriter, r *http.Request)

	mu    sync.Mutex // guards asked; held while answering
	asked []string
}

func newStub(t *testing.T) *stub {
	s := new(stub)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		line := r.Method + " " + r.RequestURI
		for _, name := range []string{"Authorization", "X-Tenant-ID", "X-Vault-Token", "X-Vault-Namespace"} {
			if v := r.Header.Get(name); v != "" {
				line += " " + name + "=" + v
			}
		}
		if body, err := io.ReadAll(r.Body); err != nil || len(body) > 0 {
			line += " " + string(body)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked = append(s.asked, line)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		s.answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// says lets the stub give an answer to all that it is asked.
func (s *stub) says(status int, body string) {
	s.answer = func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// wantAsked checks what the stub was asked since the last time.
func (s *stub) wantAsked(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, s.asked); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	s.asked = nil
}

func scaivault(t *testing.T, s *stub) *secrets.ScaiVault {
	t.Helper()
	source, err := secrets.NewScaiVault(secrets.NewClient(), s.URL+"/base/")
	check(t, err)
	return source
}

func TestScaiVault(t *testing.T) {
	server := newStub(t)
	server.says(http.StatusOK, `{"path":"p","version":3,"data":`+s3+`,"metadata":{"x":[null]}}`)
	source := scaivault(t, server)
	for _, tenant := range []audit.TenantID{"tnt_a", "tnt_b"} {
		got, err := source.Get(t.Context(), tenant, "exports/a b/?#%2e%2E;ä", "token-of-"+string(tenant))
		check(t, err)
		if diff := cmp.Diff(s3Members(), got); diff != "" {
			t.Errorf("members (-want +got):\n%s", diff)
		}
	}
	const where = "GET /base/v1/secrets/exports/a%20b/%3F%23%252e%252E%3B%C3%A4"
	server.wantAsked(t,
		where+" Authorization=Bearer token-of-tnt_a X-Tenant-ID=tnt_a",
		where+" Authorization=Bearer token-of-tnt_b X-Tenant-ID=tnt_b")

	_, err := source.Get(t.Context(), "tnt_a", "p", "")
	wantError(t, err, audit.CodeAuthenticationRequired, `secret "p"`)
	_, err = source.Get(t.Context(), "tnt_a", "a/../p", canary)
	wantError(t, err, audit.CodeInvalidPath, "..")
	server.wantAsked(t)
}

func TestScaiVaultAnswers(t *testing.T) {
	server := newStub(t)
	source := scaivault(t, server)
	const leak = `{"error":{"message":"` + canary + `"}}`
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound} {
		server.says(status, leak)
		_, err := source.Get(t.Context(), "tnt_a", "p", canary)
		wantDenied(t, err, "p")
	}
	fit := `{"data":{"a":"x"}` + strings.Repeat(" ", 4*secrets.MaxSize-len(`{"data":{"a":"x"}}`)) + `}`
	for _, tc := range []struct {
		status int
		body   string
		code   audit.Code
		want   string
	}{
		{http.StatusBadRequest, leak, audit.CodeUnavailable, "status 400"},
		{http.StatusNoContent, "", audit.CodeUnavailable, "status 204"},
		{http.StatusTooManyRequests, leak, audit.CodeUnavailable, "status 429"},
		{http.StatusInternalServerError, leak, audit.CodeUnavailable, "status 500"},
		{http.StatusServiceUnavailable, leak, audit.CodeUnavailable, "status 503"},
		{http.StatusOK, canary, audit.CodeUnavailable, "not the JSON that is expected"},
		{http.StatusOK, `{"data":{"a":"` + canary + `","a":1}}`, audit.CodeUnavailable, "not the JSON"},
		{http.StatusOK, `{"data":{"a":{"b":"` + canary + `"}}}`, audit.CodeValidationError,
			`secret "p": member "a": want`},
		{http.StatusOK, `{"data":"` + canary + `"}`, audit.CodeValidationError, "want a JSON object"},
		{http.StatusOK, `{"data":null}`, audit.CodeValidationError, "want a JSON object"},
		{http.StatusOK, `{"secret":{"a":"x"}}`, audit.CodeValidationError, "want a JSON object"},
		{http.StatusOK, fit, "", ""},
		{http.StatusOK, fit + " ", audit.CodeUnavailable, "want an answer of at most 262144 bytes"},
	} {
		server.says(tc.status, tc.body)
		_, err := source.Get(t.Context(), "tnt_a", "p", canary)
		if tc.code == "" {
			check(t, err)
			continue
		}
		wantError(t, err, tc.code, tc.want)
	}
}

// TestUnavailableTellsClientsNothing: where the source is concerns the log only.
func TestUnavailableTellsClientsNothing(t *testing.T) {
	server := newStub(t)
	source := scaivault(t, server)
	server.Close()
	_, err := source.Get(t.Context(), "tnt_a", "p", canary)
	wantError(t, err, audit.CodeUnavailable, server.URL)
	var e *audit.Error
	if !errors.As(err, &e) || e.Message != `secret "p": its source cannot be read now` {
		t.Errorf("message %q", e.Message)
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	elsewhere := newStub(t)
	elsewhere.says(http.StatusOK, `{"data":{"a":"x"}}`)
	server := newStub(t)
	source := scaivault(t, server)
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request){
		"status 307": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		},
		"want an answer in JSON": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			io.WriteString(w, `{"data":{"a":"x"}}`)
		},
		"EOF": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, `{"data":`)
		},
	} {
		server.answer = answer
		_, err := source.Get(t.Context(), "tnt_a", "p", canary)
		wantError(t, err, audit.CodeUnavailable, name)
	}
	elsewhere.wantAsked(t)
}

// waiting is a transport to a server that never answers.
type waiting struct{}

func (waiting) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, err := secrets.NewScaiVault(&http.Client{Transport: waiting{}}, "https://vault.example")
		check(t, err)
		begun := time.Now()
		_, err = source.Get(t.Context(), "tnt_a", "p", canary)
		wantError(t, err, audit.CodeUnavailable, "deadline exceeded")
		if took := time.Since(begun); took != 10*time.Second {
			t.Errorf("it took %v, want 10 s", took)
		}
	})
}

func TestClientAsksNoProxy(t *testing.T) {
	if secrets.NewClient().Transport.(*http.Transport).Proxy != nil {
		t.Error("the client asks a proxy")
	}
}

func TestNewScaiVaultRefuses(t *testing.T) {
	for _, base := range []string{"", "vault.example", "http://vault.example", "http://127.0.0.1.example",
		"https:///x", "ftp://vault.example", "https://u:" + canary + "@vault.example",
		"https://vault.example?t=" + canary, "https://vault.example#" + canary, "https://%zz" + canary} {
		if _, err := secrets.NewScaiVault(secrets.NewClient(), base); err == nil {
			t.Errorf("%s: no error", base)
		} else {
			quiet(t, err)
		}
	}
	for _, base := range []string{"https://vault.example/base", "http://localhost:1", "http://[::1]:1",
		"http://127.9.9.9"} {
		_, err := secrets.NewScaiVault(secrets.NewClient(), base)
		check(t, err)
	}
}
