package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
	"github.com/scaivault/audit/internal/auth"
	"github.com/scaivault/audit/internal/secrets"
	"github.com/scaivault/audit/internal/vfs"
)

// canaryWord stands in every credential of the test, and in what servers say.
const canaryWord = "canary-0f3bq"

// notes gathers text of several goroutines.
type notes struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(p)
}

// TestCanary makes exports with credentials from each source, into a store that
// takes them and into one that refuses and repeats what it was sent. The
// credentials stand nowhere afterwards: not in an answer, the log, a file below
// the data directory, or a dump of the goroutines during an upload.
func TestCanary(t *testing.T) {
	for _, source := range []string{"local", "vault", "scaivault"} {
		t.Run(source, func(t *testing.T) {
			said := new(notes)
			store := httptest.NewServer(canaryStore(said))
			defer store.Close()
			members := fmt.Sprintf(`{"access_key_id":%q,"secret_access_key":%[1]q,"endpoint":%q}`, canaryWord, store.URL)
			keeper := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				text := members
				if r.Header.Get("X-Vault-Token") != "" { // the engine wraps it once more
					text = `{"data":` + members + `}`
				}
				fmt.Fprintf(w, `{"data":%s}`, text)
			}))
			defer keeper.Close()
			data := t.TempDir()
			c := &serveCommand{Data: data, Listen: "127.0.0.1:0", Dev: true, RateLimitQueries: 1000, RateLimitExports: 1000}
			switch source {
			case "vault":
				c.VaultURL, c.VaultMount, c.VaultPrefix = keeper.URL, "secret", "exports"
				c.VaultTokenFile = filepath.Join(t.TempDir(), "token")
				if err := os.WriteFile(c.VaultTokenFile, []byte("t-1"), 0o600); err != nil {
					t.Fatal(err)
				}
			case "scaivault":
				c.ScaiVaultURL = keeper.URL
			default:
				putSecret(t, data, members)
			}
			exportWithCanary(t, c, said)
			files := 0
			err := filepath.WalkDir(data, func(name string, d fs.DirEntry, err error) error {
				if err == nil && d.Type().IsRegular() {
					var text []byte
					text, err = os.ReadFile(name)
					said.Write(text)
					files++
				}
				return err
			})
			if err != nil || files < 5 {
				t.Fatalf("%d files were read, %v", files, err)
			}
			text := said.text.String()
			for _, secret := range []string{canaryWord, base64.StdEncoding.EncodeToString([]byte(canaryWord))[:12]} {
				if i := strings.Index(text, secret); i >= 0 {
					t.Errorf("the secret stands in …%s…", text[max(0, i-300):min(len(text), i+100)])
				}
			}
		})
	}
}

// canaryStore speaks as much S3 as a small export needs. The bucket "refused" is
// refused.
func canaryStore(said *notes) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		sent, _ := io.ReadAll(r.Body)
		switch {
		case strings.HasPrefix(r.URL.Path, "/refused/"):
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, `<Error><Code>AccessDenied</Code><Message>%s %s %s</Message></Error>`,
				canaryWord, r.Header.Get("Authorization"), sent)
		case r.Method == http.MethodHead:
			w.WriteHeader(http.StatusNotFound)
		case r.Method == http.MethodPost:
			io.WriteString(w, `<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>`)
		case r.Method == http.MethodPut:
			said.Write(sent)
			pprof.Lookup("goroutine").WriteTo(said, 2)
			w.Header().Set("ETag", `"1"`)
		}
	}
}

func putSecret(t *testing.T, data, members string) {
	t.Helper()
	local, err := secrets.OpenLocal(vfs.OS{}, data, time.Now)
	if err == nil {
		err = local.Put("tnt_dev", "exports/s3", []byte(members))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// exportWithCanary serves, makes an export that is completed and one that is
// refused, and notes what is answered and logged.
func exportWithCanary(t *testing.T, c *serveCommand, said *notes) {
	t.Helper()
	s, err := openServer(c, time.Now, slog.New(slog.NewJSONHandler(said, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- s.serve(ctx, func(url string) { ready <- url }) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	token, _, err := s.tokens.Create(auth.TokenSpec{Tenant: "tnt_dev", Identity: "user:eve", CreatedBy: operator,
		Scopes: []audit.Scope{audit.ScopeExport}, Lifetime: auth.DefaultLifetime})
	if err != nil {
		t.Fatal(err)
	}
	api, err := client.New(client.Config{URL: <-ready, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	r := audit.ExportRequest{Format: audit.FormatJSONL, Compression: audit.CompressionNone, PartSize: audit.DefaultPartSize,
		Destination: audit.Destination{Type: audit.DestinationS3, Bucket: "refused"}, CredentialsPath: "exports/s3"}
	_, err = api.CreateExport(t.Context(), r)
	if audit.ErrorCode(err) != audit.CodeDestinationUnavailable {
		t.Errorf("a store that refuses: %v", err)
	}
	fmt.Fprintln(said, err)
	plan, err := api.PlanExport(t.Context(), r)
	fmt.Fprintln(said, plan, err)
	r.Destination.Bucket = "archive"
	created, err := api.CreateExport(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	var e audit.Export
	for e, err = range api.WatchExport(t.Context(), created.ID) {
		fmt.Fprintf(said, "%+v %v", e, err)
	}
	if err != nil || e.Status != audit.ExportCompleted {
		t.Errorf("%+v %+v, %v", e, e.Error, err)
	}
}
