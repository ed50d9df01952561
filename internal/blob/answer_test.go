package blob_test

import (
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/scaivault/audit/internal/blob"
)

// open opens a bucket called "exports" that allows loopback.
func open(t *testing.T, kind string, c blob.Credentials) blob.Bucket {
	t.Helper()
	b, err := blob.Open(t.Context(), blob.WithAttempts(blob.Config{Type: kind, Bucket: "exports", Credentials: c,
		Owner: owner, Dial: &blob.Guard{AllowLoopback: true}}, 4))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// credentialsFor returns credentials of each type, all of whose secrets hold
// the word canary, for the store at an endpoint.
func credentialsFor(t *testing.T, kind, endpoint string) blob.Credentials {
	switch kind {
	case "s3":
		return blob.Credentials{"access_key_id": "canary-id", "secret_access_key": "canary-secret",
			"session_token": "canary-session", "endpoint": endpoint}
	case "gcs":
		return blob.Credentials{"service_account_json": serviceAccount(t, http.HandlerFunc(token)),
			"endpoint": endpoint}
	case "azure_blob":
		return blob.Credentials{"account_name": testAccount, "endpoint": endpoint,
			"sas_token": "?sv=2024-11-04&ss=b&sp=cw&sig=canary-signature%3D"}
	}
	t.Fatalf("no credentials for %s", kind)
	return nil
}

// noCanary fails if a text holds any of the secrets of credentialsFor, or what
// the stores of the tests say in their answers.
func noCanary(t *testing.T, text string) {
	t.Helper()
	encoded := base64.StdEncoding.EncodeToString([]byte("canary"))[:6]
	for _, secret := range []string{"canary", "PRIVATE KEY", encoded} {
		if strings.Contains(text, secret) {
			t.Errorf("a secret stands in %q", text)
		}
	}
}

// TestAnswers has stores answer in all the ways by which callers decide.
func TestAnswers(t *testing.T) {
	tests := []struct {
		kind   string
		status int
		code   string
		want   error // nil is an error of no kind
	}{
		{"s3", 404, "NoSuchBucket", blob.ErrNotFound},
		{"s3", 400, "InvalidBucketName", blob.ErrNotFound},
		{"s3", 403, "AccessDenied", blob.ErrDenied},
		{"s3", 403, "SignatureDoesNotMatch", blob.ErrDenied},
		{"s3", 403, "InvalidAccessKeyId", blob.ErrDenied},
		{"s3", 400, "ExpiredToken", blob.ErrDenied},
		{"s3", 401, "Unauthorized", blob.ErrDenied},
		{"s3", 301, "PermanentRedirect", blob.ErrCredentials},
		{"s3", 307, "TemporaryRedirect", blob.ErrCredentials},
		{"s3", 400, "AuthorizationHeaderMalformed", blob.ErrCredentials},
		{"s3", 403, "RequestTimeTooSkewed", blob.ErrClock},
		{"s3", 507, "XMinioStorageFull", blob.ErrFull},
		{"s3", 403, "QuotaExceeded", blob.ErrFull},
		{"s3", 503, "SlowDown", nil},
		{"s3", 501, "NotImplemented", nil},
		{"gcs", 404, "notFound", blob.ErrNotFound},
		{"gcs", 403, "forbidden", blob.ErrDenied},
		{"gcs", 401, "authError", blob.ErrDenied},
		{"gcs", 500, "backendError", nil},
		{"azure_blob", 404, "ContainerNotFound", blob.ErrNotFound},
		{"azure_blob", 409, "ContainerBeingDeleted", blob.ErrNotFound},
		{"azure_blob", 403, "AuthorizationPermissionMismatch", blob.ErrDenied},
		{"azure_blob", 401, "InvalidAuthenticationInfo", blob.ErrDenied},
		{"azure_blob", 503, "ServerBusy", nil},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.kind, " ", test.code), func(t *testing.T) {
			asked := 0
			store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked++
				answerWith(w, test.kind, test.status, test.code)
			}))
			defer store.Close()
			c := blob.WithAttempts(blob.Config{Type: test.kind, Bucket: "exports", Owner: owner,
				Credentials: credentialsFor(t, test.kind, store.URL), Dial: &blob.Guard{AllowLoopback: true}}, 4)
			var log strings.Builder
			c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			b, err := blob.Open(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			checked := b.Check(t.Context())
			if want := map[bool]int{true: 4, false: 1}[test.status >= 500 && test.status != 501 && test.status != 507]; asked < want ||
				test.want != nil && asked != want {
				t.Errorf("Check asked %d times, want %d", asked, want)
			}
			written := put(t, b, "e/part-0001.jsonl", []byte("x"))
			for _, err := range []error{checked, written} {
				if err == nil || test.want != nil && !errors.Is(err, test.want) || test.want == nil && isKind(err) {
					t.Errorf("got %v, want %v", err, test.want)
				}
			}
			noCanary(t, fmt.Sprintf("%v %+v %#v %v %s", checked, written, checked, c, log.String()))
		})
	}
}

func isKind(err error) bool {
	for _, kind := range []error{blob.ErrConflict, blob.ErrNotFound, blob.ErrDenied, blob.ErrCredentials,
		blob.ErrAddress, blob.ErrFull, blob.ErrClock} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// answerWith writes an error as the store of a type does.
func answerWith(w http.ResponseWriter, kind string, status int, code string) {
	w.Header().Set("Location", "/elsewhere")
	switch kind {
	case "s3":
		w.WriteHeader(status)
		fmt.Fprintf(w, `<Error><Code>%s</Code><Message>canary-echo</Message></Error>`, code)
	case "gcs":
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error":{"code":%d,"message":"canary-echo","errors":[{"reason":%q}]}}`, status, code)
	case "azure_blob":
		w.Header().Set("x-ms-error-code", code)
		w.WriteHeader(status)
		fmt.Fprintf(w, `<Error><Code>%s</Code><Message>canary-echo</Message></Error>`, code)
	}
}

// TestUnreachable has nobody answer. No secret stands in what comes of it.
func TestUnreachable(t *testing.T) {
	addr, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	for _, store := range stores {
		b := open(t, store, credentialsFor(t, store, "http://"+addr))
		err := b.Check(t.Context())
		if err == nil || isKind(err) {
			t.Errorf("%s: got %v, want an error of no kind", store, err)
		}
		noCanary(t, fmt.Sprintf("%v %+v", err, err))
	}
}

// TestRedirectsAreNotFollowed leads requests to a server that must not see them.
func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s was led elsewhere", r.Method, r.URL.Path)
	}))
	defer elsewhere.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		store := httptest.NewServer(http.RedirectHandler(elsewhere.URL, status))
		for _, kind := range stores {
			b := open(t, kind, credentialsFor(t, kind, store.URL))
			if err := errors.Join(b.Check(t.Context()), put(t, b, "e/1", []byte("x"))); err == nil {
				t.Errorf("%s, %d: no error", kind, status)
			}
		}
		store.Close()
	}
}

// pemOf returns bytes as PEM, of a kind that is not written in this file.
func pemOf(kind string, b []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind + " KEY", Bytes: b}))
}
