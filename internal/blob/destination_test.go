package blob_test

import (
	"bytes"
	"context"
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
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/scaivault/audit/internal/blob"
)

// destination is a store with one fresh bucket, as the tests see it: from the
// side of package blob, and past it.
type destination struct {
	config blob.Config
	proxy  *proxy // nil before a directory
	// get returns an object, or false.
	get func(t *testing.T, key string) ([]byte, bool)
	// plant puts an object without metadata.
	plant func(t *testing.T, key, content string)
	// leftovers lists what uploads have left behind, as far as one can see.
	leftovers func(t *testing.T) []string
	// sas returns a signature for the container, of Azure.
	sas func(t *testing.T) string
}

// destinations are the four, by the name of their type.
var destinations = map[string]func(t *testing.T) destination{
	"file": newFile, "s3": newS3, "gcs": newGCS, "azure_blob": newAzure,
}

const owner = "tnt_one/exp_one"

// open opens the bucket for an owner.
func (d destination) open(t *testing.T, owner string) blob.Bucket {
	t.Helper()
	c := blob.WithAttempts(d.config, 4)
	c.Owner = owner
	b, err := blob.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func freshName() string { return "b" + strings.ToLower(rand.Text()) }

func newFile(t *testing.T) destination {
	top := t.TempDir()
	dir := filepath.Join(top, "tenant")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return destination{
		config: blob.Config{Type: "file", Bucket: dir, Directories: []string{top}},
		get: func(t *testing.T, key string) ([]byte, bool) {
			b, err := os.ReadFile(filepath.Join(dir, key))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			return b, err == nil
		},
		plant: func(t *testing.T, key, content string) {
			name := filepath.Join(dir, key)
			if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700),
				os.WriteFile(name, []byte(content), 0o600)); err != nil {
				t.Fatal(err)
			}
		},
		leftovers: func(t *testing.T) []string {
			var names []string
			err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
				if err == nil && path.Ext(name) == ".tmp" {
					names = append(names, name)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return names
		},
	}
}

func newS3(t *testing.T) destination {
	e := versitygw.start(t)
	bucket := freshName()
	client := s3.New(s3.Options{Region: "us-east-1", UsePathStyle: true, BaseEndpoint: &e.proxy.URL,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: testKeyID, SecretAccessKey: testSecret}, nil
		})})
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	return destination{
		config: blob.Config{Type: "s3", Bucket: bucket, Dial: &blob.Guard{AllowLoopback: true},
			PartSize: 5 << 20,
			Credentials: blob.Credentials{"access_key_id": testKeyID, "secret_access_key": testSecret,
				"endpoint": e.proxy.URL}},
		proxy: e.proxy,
		get: func(t *testing.T, key string) ([]byte, bool) {
			out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
			if missing := new(types.NoSuchKey); errors.As(err, &missing) {
				return nil, false
			}
			if err != nil {
				t.Fatal(err)
			}
			return readAll(t, out.Body), true
		},
		plant: func(t *testing.T, key, content string) {
			_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key,
				Body: strings.NewReader(content)})
			if err != nil {
				t.Fatal(err)
			}
		},
		leftovers: func(t *testing.T) []string {
			out, err := client.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &bucket})
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, u := range out.Uploads {
				names = append(names, *u.Key)
			}
			return names
		},
	}
}

// serviceAccount returns the key of a service account made for the test, and
// where its tokens come from.
func serviceAccount(t *testing.T, tokens http.Handler) string {
	t.Helper()
	server := httptest.NewServer(tokens)
	t.Cleanup(server.Close)
	der, err := accountKey()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "exporter@project.example", "private_key_id": "key-1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"token_uri":   server.URL + "/token",
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// accountKey is the key of all service accounts of the tests.
var accountKey = sync.OnceValues(func() ([]byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	return x509.MarshalPKCS8PrivateKey(key)
})

// token answers as the token endpoint of Google does.
func token(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, `{"access_token":"canary-access-token","token_type":"Bearer","expires_in":3600}`)
}

func newGCS(t *testing.T) destination {
	e := fakeGCS.start(t)
	bucket := freshName()
	ask := func(t *testing.T, method, where, content string) (int, []byte) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, e.proxy.URL+where, strings.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, readAll(t, resp.Body)
	}
	if status, body := ask(t, "POST", "/storage/v1/b?project=p", `{"name":"`+bucket+`"}`); status != 200 {
		t.Fatalf("make bucket: %d %s", status, body)
	}
	return destination{
		config: blob.Config{Type: "gcs", Bucket: bucket, Dial: &blob.Guard{AllowLoopback: true},
			PartSize: 1 << 20,
			Credentials: blob.Credentials{"endpoint": e.proxy.URL,
				"service_account_json": serviceAccount(t, http.HandlerFunc(token))}},
		proxy: e.proxy,
		get: func(t *testing.T, key string) ([]byte, bool) {
			status, body := ask(t, "GET", "/storage/v1/b/"+bucket+"/o/"+url.PathEscape(key)+"?alt=media", "")
			return body, status == 200
		},
		plant: func(t *testing.T, key, content string) {
			where := "/upload/storage/v1/b/" + bucket + "/o?uploadType=media&name=" + url.QueryEscape(key)
			if status, body := ask(t, "POST", where, content); status != 200 {
				t.Fatalf("plant: %d %s", status, body)
			}
		},
		leftovers: func(t *testing.T) []string { return nil },
	}
}

var azureKey = base64.StdEncoding.EncodeToString([]byte(testSecret))

func newAzure(t *testing.T) destination {
	e := azurite.start(t)
	bucket := freshName()
	endpoint := e.proxy.URL + "/" + testAccount
	key, err := azblob.NewSharedKeyCredential(testAccount, azureKey)
	if err != nil {
		t.Fatal(err)
	}
	client, err := azblob.NewClientWithSharedKeyCredential(endpoint, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.CreateContainer(t.Context(), bucket, nil); err != nil {
		t.Fatal(err)
	}
	return destination{
		sas: func(t *testing.T) string {
			client, err := container.NewClientWithSharedKeyCredential(endpoint+"/"+bucket, key, nil)
			if err != nil {
				t.Fatal(err)
			}
			signed, err := client.GetSASURL(sas.ContainerPermissions{Create: true, Write: true, Read: true},
				time.Now().Add(time.Hour), nil)
			if err != nil {
				t.Fatal(err)
			}
			_, query, _ := strings.Cut(signed, "?")
			return query
		},
		config: blob.Config{Type: "azure_blob", Bucket: bucket, Dial: &blob.Guard{AllowLoopback: true},
			PartSize: 1 << 20,
			Credentials: blob.Credentials{"account_name": testAccount, "account_key": azureKey,
				"endpoint": endpoint}},
		proxy: e.proxy,
		get: func(t *testing.T, key string) ([]byte, bool) {
			out, err := client.DownloadStream(t.Context(), bucket, key, nil)
			if bloberror.HasCode(err, bloberror.BlobNotFound) {
				return nil, false
			}
			if err != nil {
				t.Fatal(err)
			}
			return readAll(t, out.Body), true
		},
		plant: func(t *testing.T, key, content string) {
			if _, err := client.UploadBuffer(t.Context(), bucket, key, []byte(content), nil); err != nil {
				t.Fatal(err)
			}
		},
		leftovers: func(t *testing.T) []string { return nil },
	}
}

func readAll(t *testing.T, r io.ReadCloser) []byte {
	t.Helper()
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// pattern returns n bytes that are not the same everywhere.
func pattern(n int) []byte {
	unit := []byte("0123456789abcdefghijklmnopqrstuvwxyz\n")
	return bytes.Repeat(unit, n/len(unit)+1)[:n]
}
