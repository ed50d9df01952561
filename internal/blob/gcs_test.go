package blob_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit/internal/blob"
)

// TestDamagedObjectIsRemoved uses what the emulator does and the real store
// does not: a chunk that comes twice is stored twice.
func TestDamagedObjectIsRemoved(t *testing.T) {
	d := newGCS(t)
	d.proxy.spoil(rule{match: func(r *http.Request) bool {
		return strings.HasSuffix(r.Header.Get("Content-Range"), "/*")
	}, times: 1, how: lost, naive: true})
	err := put(t, d.open(t, owner), "e/part-0001.jsonl", pattern(d.config.PartSize+10))
	if hits, _ := d.proxy.heal(); err == nil || hits != 1 {
		t.Errorf("error %v after %d chunks twice, want an error after 1", err, hits)
	}
	d.want(t, "e/part-0001.jsonl", nil)
}

// TestServiceAccount follows a service account's key to a token and the token
// to the store.
func TestServiceAccount(t *testing.T) {
	var (
		claims map[string]any
		key    *rsa.PublicKey
		bearer []string
	)
	account := serviceAccount(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		signed, err := jose.ParseSignedCompact(r.FormValue("assertion"), []jose.SignatureAlgorithm{jose.RS256})
		if err != nil {
			t.Error(err)
			return
		}
		payload, err := signed.Verify(key)
		if err != nil || json.Unmarshal(payload, &claims) != nil {
			t.Error("the assertion is not signed with the account's key", err)
		}
		token(w, r)
	}))
	key = publicKey(t, account)
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		bearer = append(bearer, r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusPreconditionFailed)
	}))
	defer store.Close()

	members := make(blob.Credentials) // the members by themselves, instead of the text
	if err := json.Unmarshal([]byte(account), (*map[string]string)(&members)); err != nil {
		t.Fatal(err)
	}
	members["endpoint"] = store.URL
	b := open(t, "gcs", members)
	for range 2 {
		if err := b.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"Bearer canary-access-token", "Bearer canary-access-token"}; !cmp.Equal(bearer, want) {
		t.Errorf("the store saw %q, want %q", bearer, want)
	}
	got := fmt.Sprint(claims["iss"], " ", claims["scope"], " ", claims["aud"] == members["token_uri"])
	if want := "exporter@project.example https://www.googleapis.com/auth/devstorage.read_write true"; got != want {
		t.Errorf("claims %q, want %q", got, want)
	}
}

func publicKey(t *testing.T, account string) *rsa.PublicKey {
	t.Helper()
	var members map[string]string
	if err := json.Unmarshal([]byte(account), &members); err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(members["private_key"]))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return &key.(*rsa.PrivateKey).PublicKey
}

// TestTokenFaults has the token endpoint refuse, stumble and send elsewhere.
func TestTokenFaults(t *testing.T) {
	tests := []struct {
		name    string
		answers []int // then tokens
		want    error
	}{
		{"stumbles", []int{503, 429, 500}, nil},
		{"does not know the account", []int{400}, blob.ErrDenied},
		{"refuses", []int{401}, blob.ErrDenied},
		{"sends elsewhere", []int{307}, blob.ErrCredentials},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			asked := 0
			account := serviceAccount(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked++
				if asked > len(test.answers) {
					token(w, r)
					return
				}
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(test.answers[asked-1])
				fmt.Fprint(w, `{"error":"invalid_grant","error_description":"canary-echo"}`)
			}))
			store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusPreconditionFailed)
			}))
			defer store.Close()
			b := open(t, "gcs", blob.Credentials{"service_account_json": account, "endpoint": store.URL})
			err := b.Check(t.Context())
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			noCanary(t, fmt.Sprint(err))
		})
	}
}

func crc32c(s string) string {
	sum := crc32.Checksum([]byte(s), crc32.MakeTable(crc32.Castagnoli))
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum))
}
