package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"sync"
	"testing"
)

// consent is what the issuer shows to whom it knows.
var consent = template.Must(template.New("").Parse(`<!doctype html><title>Sign in</title>
<a href="{{.Allow}}">Allow</a> <a href="{{.Refuse}}">Refuse</a>`))

// letIn makes the issuer let people in by a browser: the authorization code flow
// (RFC 6749, section 4.1) of a public client with PKCE (RFC 7636), which may send
// them back to one address only. Who comes has a token with the claims.
func (i *issuer) letIn(t *testing.T, redirect string, who claims) {
	t.Helper()
	var mu sync.Mutex
	challenges := make(map[string]string) // by code; one is good once
	mux := i.Config.Handler.(*http.ServeMux)
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("response_type") != "code" || q.Get("client_id") != "pages" || q.Get("redirect_uri") != redirect ||
			q.Get("code_challenge_method") != "S256" {
			http.Error(w, "not a request of this client: "+r.URL.RawQuery, http.StatusBadRequest)
			return
		}
		code := rand.Text()
		mu.Lock()
		challenges[code] = q.Get("code_challenge")
		mu.Unlock()
		back := func(name, value string) string {
			return redirect + "?" + url.Values{name: {value}, "state": {q.Get("state")}}.Encode()
		}
		w.Header().Set("Content-Type", "text/html")
		if err := consent.Execute(w, map[string]string{"Allow": back("code", code), "Refuse": back("error", "access_denied")}); err != nil {
			t.Error(err)
		}
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		challenge, known := challenges[r.PostFormValue("code")]
		delete(challenges, r.PostFormValue("code"))
		sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
		if !known || challenge != base64.RawURLEncoding.EncodeToString(sum[:]) || r.PostFormValue("redirect_uri") != redirect {
			http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"access_token": i.token(t, i.key, who), "token_type": "Bearer"})
	})
}
