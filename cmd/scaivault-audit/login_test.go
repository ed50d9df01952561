package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSignInAtTheIssuer goes through the pages' door as a browser does.
func TestSignInAtTheIssuer(t *testing.T) {
	i := newIssuer(t)
	var asked url.Values
	i.Config.Handler.(*http.ServeMux).HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		asked = r.PostForm
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"access_token": i.token(t, i.key, nil), "token_type": "Bearer"})
	})
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("hush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := serveTenants(t, "--issuer", i.URL, "--audience", jwtAudience, "--oidc-client-id", "pages",
		"--oidc-client-secret-file", secret, "--public-url", "https://audit.example.org/")
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	get := func(target string) (*http.Response, string) {
		t.Helper()
		r, err := browser.Get(p.url + target)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r, string(body)
	}
	r, _ := get("/ui/signin/provider?next=/ui/overview")
	there, err := url.Parse(r.Header.Get("Location"))
	if err != nil || there.Path != "/authorize" {
		t.Fatalf("%s to %q", r.Status, r.Header.Get("Location"))
	}
	if got := there.Query().Get("redirect_uri"); got != "https://audit.example.org/ui/signin/done" {
		t.Errorf("the issuer is to send the browser to %q", got)
	}
	r, _ = get("/ui/signin/done?code=abc&state=" + there.Query().Get("state"))
	if r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != "/ui/overview" {
		t.Fatalf("back from the issuer: %s to %q", r.Status, r.Header.Get("Location"))
	}
	if asked.Get("code") != "abc" || len(asked.Get("code_verifier")) < 43 {
		t.Errorf("the issuer was asked %v", asked)
	}
	if _, body := get("/ui/"); !strings.Contains(body, "user:eve@example.org") {
		t.Error("the pages do not show who signed in")
	}
}

func TestLoginSettings(t *testing.T) {
	data := t.TempDir()
	for name, args := range map[string][]string{
		"no public URL": {"--issuer", "https://id.example.org", "--audience", "a", "--oidc-client-id", "x"},
		"no issuer":     {"--oidc-client-id", "x", "--public-url", "https://a.example.org"},
		"no client":     {"--oidc-client-secret-file", "x"},
		"no file": {"--issuer", "https://id.example.org", "--audience", "a", "--oidc-client-id", "x",
			"--public-url", "https://a.example.org", "--oidc-client-secret-file", filepath.Join(data, "none")},
	} {
		got := runLine(t, "", append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0"}, args...)...)
		if got.Code != exitValidation {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
