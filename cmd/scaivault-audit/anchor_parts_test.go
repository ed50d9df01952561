package main

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/blob"
	"github.com/scaivault/audit/internal/proof"
	"github.com/scaivault/audit/internal/vfs"
)

// anchorStore is a store of the tests with an empty bucket, and how whoever copies
// that reads it.
type anchorStore struct {
	destination audit.Destination
	secret      oneSecret
	copied      func(t *testing.T) fstest.MapFS
}

// TestAnchorStores anchors a log that grows in stores of every kind, and verifies the
// log by a copy of what is in them. No object is ever replaced.
func TestAnchorStores(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three servers")
	}
	for name, open := range map[string]func(t *testing.T) anchorStore{
		"s3": s3Anchors, "gcs": gcsAnchors, "azure_blob": azureAnchors, "file": fileAnchors,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := open(t)
			s := newSigning(t, vfs.NewMem())
			defer s.stop()
			b := &anchorBucket{destination: store.destination, credentials: "anchors", tenant: "acme",
				secrets: store.secret, guard: &blob.Guard{AllowLoopback: true}, logger: s.logger}
			a := &anchoring{evidence: s.evidence, put: b.put, every: time.Minute, logger: s.logger,
				logs: make(map[audit.TenantID]*anchoredLog)}
			for range 3 {
				s.append(t, "acme", 5)
				if err := s.sign(t.Context(), "acme", s.log("acme")); err != nil {
					t.Fatal(err)
				}
				a.sweep(t.Context())
			}
			verifyAnchors(t, s, store.copied(t), proof.OK)

			// A process that begins finds its anchor there; another content is refused.
			a.logs = make(map[audit.TenantID]*anchoredLog)
			a.sweep(t.Context())
			if got := figures(t, a.health, "acme"); !strings.Contains(got, "anchored_events:15 conflicts:map[] failed_tries:0") {
				t.Errorf("health %s", got)
			}
			c, note, err := s.Latest("acme")
			if err != nil {
				t.Fatal(err)
			}
			object, _, err := proof.Anchor(c, note)
			if err != nil {
				t.Fatal(err)
			}
			if err := b.put(t.Context(), object, []byte("another")); !errors.Is(err, blob.ErrConflict) {
				t.Errorf("put another: %v", err)
			}
			files := store.copied(t)
			verifyAnchors(t, s, files, proof.OK)

			// The copy proves what it is for: another log of the same size is a fork.
			key, err := vfs.ReadFile(s.disk, "data/proof.key")
			if err != nil {
				t.Fatal(err)
			}
			forked := newSigning(t, diskWithKey(t, key))
			defer forked.stop()
			forked.append(t, "acme", 4)
			forked.append(t, "acme", 11)
			if err := forked.sign(t.Context(), "acme", forked.log("acme")); err != nil {
				t.Fatal(err)
			}
			verifyAnchors(t, forked, files, proof.Forked)
		})
	}
}

func diskWithKey(t *testing.T, key []byte) *vfs.Mem {
	t.Helper()
	disk := vfs.NewMem()
	err := disk.MkdirAll("data")
	if err == nil {
		err = vfs.WriteFile(disk, "data/proof.key", key)
	}
	if err != nil {
		t.Fatal(err)
	}
	return disk
}

// verifyAnchors verifies the log of acme with three anchors.
func verifyAnchors(t *testing.T, s *signing, files fs.FS, want proof.Verdict) {
	t.Helper()
	list, err := s.Verifiers("acme")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := proof.ParseVerifiers(strings.Join(list, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := proof.VerifyLog(t.Context(), s.disk, "data", "acme", s.store, s.store.Size("acme"),
		proof.VerifyOptions{Keys: keys, Anchors: files})
	if err != nil {
		t.Fatal(err)
	}
	said := strings.Contains(fmt.Sprint(r.Proved), "all 3 anchored checkpoints, the newest of 15 events")
	if r.Verdict != want || said != (want == proof.OK) {
		t.Errorf("%s, %v, proved %q", r.Verdict, r.Fault, r.Proved)
	}
}

// copyOf returns what is in a directory.
func copyOf(t *testing.T, dir string) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(os.DirFS(dir), name)
		files[name] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func fileAnchors(t *testing.T) anchorStore {
	dir := t.TempDir()
	return anchorStore{
		destination: audit.Destination{Type: audit.DestinationFile, Bucket: dir, Prefix: "audit"},
		copied:      func(t *testing.T) fstest.MapFS { return copyOf(t, dir) },
	}
}

func s3Anchors(t *testing.T) anchorStore {
	addr, dir := startVersitygw(t)
	return anchorStore{
		destination: audit.Destination{Type: audit.DestinationS3, Bucket: "archive", Prefix: "audit"},
		secret:      versitygwSecret(addr),
		copied:      func(t *testing.T) fstest.MapFS { return copyOf(t, dir) },
	}
}

func gcsAnchors(t *testing.T) anchorStore {
	addr := startPart(t, "fake-gcs-server", nil, func(host, port string) []string {
		return []string{"-scheme", "http", "-host", host, "-port", port, "-backend", "memory",
			"-public-host", host + ":" + port, "-external-url", "http://" + host + ":" + port}
	})
	ask := func(method, where, content string) []byte {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+addr+where, strings.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s %s: %d %s, %v", method, where, resp.StatusCode, body, err)
		}
		return body
	}
	ask("POST", "/storage/v1/b?project=p", `{"name":"archive"}`)
	return anchorStore{
		destination: audit.Destination{Type: audit.DestinationGCS, Bucket: "archive", Prefix: "audit"},
		secret:      oneSecret{"endpoint": "http://" + addr, "service_account_json": serviceAccount(t)},
		copied: func(t *testing.T) fstest.MapFS {
			var list struct{ Items []struct{ Name string } }
			if err := json.Unmarshal(ask("GET", "/storage/v1/b/archive/o", ""), &list); err != nil {
				t.Fatal(err)
			}
			files := fstest.MapFS{}
			for _, o := range list.Items {
				files[o.Name] = &fstest.MapFile{Data: ask("GET", "/storage/v1/b/archive/o/"+url.PathEscape(o.Name)+"?alt=media", "")}
			}
			return files
		},
	}
}

// serviceAccount returns the key of a service account, whose tokens come from a
// server of the test.
func serviceAccount(t *testing.T) string {
	t.Helper()
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token":"canary-access-token","token_type":"Bearer","expires_in":3600}`)
	}))
	t.Cleanup(tokens.Close)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "anchors@project.example", "private_key_id": "key-1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"token_uri":   tokens.URL + "/token",
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func azureAnchors(t *testing.T) anchorStore {
	key := base64.StdEncoding.EncodeToString([]byte("canary-secret-of-the-tests"))
	addr := startPart(t, "azurite-blob", []string{"AZURITE_ACCOUNTS=testaccount:" + key}, func(host, port string) []string {
		return []string{"--blobHost", host, "--blobPort", port, "--silent", "--disableTelemetry", "--skipApiVersionCheck"}
	})
	endpoint := "http://" + addr + "/testaccount"
	credential, err := azblob.NewSharedKeyCredential("testaccount", key)
	if err != nil {
		t.Fatal(err)
	}
	client, err := azblob.NewClientWithSharedKeyCredential(endpoint, credential, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.CreateContainer(t.Context(), "archive", nil); err != nil {
		t.Fatal(err)
	}
	return anchorStore{
		destination: audit.Destination{Type: audit.DestinationAzure, Bucket: "archive", Prefix: "audit"},
		secret:      oneSecret{"account_name": "testaccount", "account_key": key, "endpoint": endpoint},
		copied: func(t *testing.T) fstest.MapFS {
			files := fstest.MapFS{}
			for pages := client.NewListBlobsFlatPager("archive", nil); pages.More(); {
				page, err := pages.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, item := range page.Segment.BlobItems {
					var data bytes.Buffer
					resp, err := client.DownloadStream(t.Context(), "archive", *item.Name, nil)
					if err == nil {
						_, err = data.ReadFrom(resp.Body)
					}
					if err != nil {
						t.Fatal(err)
					}
					files[*item.Name] = &fstest.MapFile{Data: data.Bytes()}
				}
			}
			return files
		},
	}
}
