package auth_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/scaivault/audit/internal/auth"
)

// provider is an identity provider on loopback that gives one code.
type provider struct {
	*httptest.Server
	challenge string // of the sign-in under way
	refuse    bool
	asked     url.Values // of the last request for a token
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	mux := http.NewServeMux()
	p := &provider{Server: httptest.NewServer(mux)}
	t.Cleanup(p.Close)
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string]string{"issuer": p.URL, "jwks_uri": p.URL + "/keys",
			"authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token"})
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		p.asked = r.PostForm
		sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
		fits := base64.RawURLEncoding.EncodeToString(sum[:]) == p.challenge
		w.Header().Set("Content-Type", "application/json")
		if p.refuse || r.PostForm.Get("grant_type") == "authorization_code" && !fits {
			w.WriteHeader(http.StatusBadRequest)
			w.Write([]byte(`{"error":"invalid_grant","error_description":"canary"}`))
			return
		}
		w.Write([]byte(`{"access_token":"access","token_type":"Bearer","refresh_token":"again","expires_in":300}`))
	})
	return p
}

func (p *provider) login(t *testing.T) *auth.Login {
	t.Helper()
	l, err := auth.NewLogin(auth.LoginConfig{Issuer: p.URL, ClientID: "audit", ClientSecret: "hush",
		Redirect: "https://audit.example.org/ui/signin/done", Scopes: []string{"openid", "audit:read"}})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLogin(t *testing.T) {
	p := newProvider(t)
	l := p.login(t)
	verifier := strings.Repeat("v", 43)
	there, err := l.URL(t.Context(), "the-state", verifier)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(there)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	for name, want := range map[string]string{"client_id": "audit", "response_type": "code", "state": "the-state",
		"redirect_uri": "https://audit.example.org/ui/signin/done", "scope": "openid audit:read",
		"code_challenge_method": "S256"} {
		if q.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, q.Get(name), want)
		}
	}
	if !strings.HasPrefix(there, p.URL+"/authorize?") || strings.Contains(there, verifier) || strings.Contains(there, "hush") {
		t.Errorf("the browser is sent to %s", there)
	}
	p.challenge = q.Get("code_challenge")
	token, refresh, err := l.Exchange(t.Context(), "the-code", verifier)
	if token != "access" || refresh != "again" || err != nil {
		t.Errorf("exchange: %q, %q, %v", token, refresh, err)
	}
	if p.asked.Get("code") != "the-code" {
		t.Errorf("asked %v", p.asked)
	}
	if _, _, err := l.Exchange(t.Context(), "the-code", strings.Repeat("w", 43)); err == nil ||
		strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "invalid_grant") {
		t.Errorf("with another verifier: %v", err)
	}
	if token, _, err := l.Refresh(t.Context(), "again"); token != "access" || err != nil {
		t.Errorf("refresh: %q, %v", token, err)
	}
	if p.asked.Get("refresh_token") != "again" {
		t.Errorf("asked %v", p.asked)
	}
	p.refuse = true
	if _, _, err := l.Refresh(t.Context(), "again"); err == nil {
		t.Error("a refused refresh is no error")
	}
}

func TestLoginSettings(t *testing.T) {
	good := auth.LoginConfig{Issuer: "https://id.example.org", ClientID: "a", Redirect: "https://a.example.org/done"}
	for name, change := range map[string]func(*auth.LoginConfig){
		"no issuer":          func(c *auth.LoginConfig) { c.Issuer = "" },
		"a plain issuer":     func(c *auth.LoginConfig) { c.Issuer = "http://id.example.org" },
		"a plain public URL": func(c *auth.LoginConfig) { c.Redirect = "http://a.example.org/done" },
		"no host":            func(c *auth.LoginConfig) { c.Redirect = "/done" },
	} {
		c := good
		change(&c)
		if _, err := auth.NewLogin(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := auth.NewLogin(good); err != nil {
		t.Error(err)
	}
}
