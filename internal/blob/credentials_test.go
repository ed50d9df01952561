package blob_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/scaivault/audit/internal/blob"
)

// TestCredentialsAreNotPrinted prints them in every way that is at hand.
func TestCredentialsAreNotPrinted(t *testing.T) {
	c := blob.Credentials{"secret_access_key": "canary"}
	config := blob.Config{Type: "s3", Credentials: c}
	var log strings.Builder
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("x", "credentials", c, "config", config, "pointer", &c)
	}
	asJSON, err := json.Marshal(map[string]any{"c": c, "p": &c, "config": struct{ C blob.Credentials }{c}})
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprint(c, &c, config, c.String(), c.GoString(), log.String(), string(asJSON))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
		text += fmt.Sprintf(verb+verb+verb, c, config, []any{c})
	}
	noCanary(t, text)
	if !strings.Contains(text, "[redacted]") {
		t.Error("nothing is said to be redacted")
	}
}

// TestMalformedCredentials names the member that is wrong, never its value.
func TestMalformedCredentials(t *testing.T) {
	s3 := blob.Credentials{"access_key_id": "canary-id", "secret_access_key": "canary-secret"}
	azure := blob.Credentials{"account_name": testAccount, "account_key": azureKey}
	gcs := blob.Credentials{"client_email": "e@example", "private_key": pemOf("PRIVATE", []byte("canary"))}
	tests := []struct {
		kind   string
		base   blob.Credentials
		member string // that is set
		value  string
		want   string // stands in the error
		is     error
	}{
		{"s3", s3, "access_key_id", "", "access_key_id", blob.ErrCredentials},
		{"s3", s3, "access_key_id", "canary\nid", "access_key_id", blob.ErrCredentials},
		{"s3", s3, "secret_access_key", " ", "secret_access_key", blob.ErrCredentials},
		{"s3", s3, "region", "canary.evil.example/", "region", blob.ErrCredentials},
		{"s3", s3, "path_style", "canary", "path_style", blob.ErrCredentials},
		{"s3", s3, "endpoint", "canary", "endpoint", blob.ErrCredentials},
		{"s3", s3, "endpoint", "ftp://canary.example", "endpoint", blob.ErrCredentials},
		{"s3", s3, "endpoint", "https://user:canary@s3.example", "endpoint", blob.ErrCredentials},
		{"s3", s3, "endpoint", "https://s3.example/?canary", "endpoint", blob.ErrCredentials},
		{"s3", s3, "endpoint", "https://", "endpoint", blob.ErrCredentials},
		{"s3", s3, "endpoint", "http://canary.example", "endpoint", blob.ErrAddress},
		{"s3", s3, "endpoint", "http://127.0.0.1:9000", "endpoint", blob.ErrAddress},
		{"gcs", gcs, "client_email", "", "client_email", blob.ErrCredentials},
		{"gcs", gcs, "private_key", "canary", "private_key", blob.ErrCredentials},
		{"gcs", gcs, "private_key", gcs["private_key"], "private_key", blob.ErrCredentials},
		{"gcs", gcs, "type", "canary", "type", blob.ErrCredentials},
		{"gcs", gcs, "service_account_json", `{"canary"`, "service_account_json", blob.ErrCredentials},
		{"gcs", gcs, "service_account_json", `{"a":{"canary":1}}`, "service_account_json", blob.ErrCredentials},
		{"azure_blob", azure, "account_name", "", "account_name", blob.ErrCredentials},
		{"azure_blob", azure, "account_name", "canary.evil.example/", "account_name", blob.ErrCredentials},
		{"azure_blob", azure, "account_key", "", "account_key", blob.ErrCredentials},
		{"azure_blob", azure, "account_key", "canary!", "account_key", blob.ErrCredentials},
		{"azure_blob", blob.Credentials{"account_name": testAccount}, "sas_token", "canary", "sas_token",
			blob.ErrCredentials},
		{"azure_blob", nil, "connection_string", "AccountName=testaccount;AccountKey=canary!", "account_key",
			blob.ErrCredentials},
		{"azure_blob", nil, "connection_string", "canary", "account_name", blob.ErrCredentials},
		{"azure_blob", nil, "connection_string",
			"DefaultEndpointsProtocol=http;EndpointSuffix=evil.example;AccountName=testaccount;AccountKey=" + azureKey,
			"endpoint", blob.ErrAddress},
	}
	for _, test := range tests {
		t.Run(test.kind+" "+test.member, func(t *testing.T) {
			c := make(blob.Credentials)
			for k, v := range test.base {
				c[k] = v
			}
			c[test.member] = test.value
			_, err := blob.Open(t.Context(), blob.Config{Type: test.kind, Bucket: "exports", Credentials: c,
				Owner: owner})
			if !errors.Is(err, test.is) || !strings.Contains(fmt.Sprint(err), test.want) {
				t.Fatalf("got %v, want %v that names %s", err, test.is, test.want)
			}
			noCanary(t, err.Error())
		})
	}
}

// TestAzureAccounts opens a container with each form of credentials.
func TestAzureAccounts(t *testing.T) {
	d := newAzure(t)
	endpoint := d.config.Credentials["endpoint"]
	for name, c := range map[string]blob.Credentials{
		"key": {"account_name": testAccount, "account_key": azureKey, "endpoint": endpoint},
		"connection string": {"connection_string": "BlobEndpoint=" + endpoint + ";AccountName=" + testAccount +
			";AccountKey=" + azureKey},
		"signature": {"sas_token": d.sas(t), "endpoint": endpoint},
		"string with signature": {"connection_string": "BlobEndpoint=" + endpoint + ";SharedAccessSignature=" +
			d.sas(t)},
	} {
		t.Run(name, func(t *testing.T) {
			d.config.Credentials = c
			b := d.open(t, owner)
			if err := b.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := put(t, b, "e/part-0001.jsonl", pattern(10)); err != nil {
				t.Fatal(err)
			}
			d.want(t, "e/part-0001.jsonl", pattern(10))
		})
	}
}

// TestBucketNames refuses names that could change the host or the path.
func TestBucketNames(t *testing.T) {
	for _, kind := range stores {
		c := blob.Config{Type: kind, Credentials: credentialsFor(t, kind, ""), Owner: owner,
			Dial: &blob.Guard{AllowLoopback: true}}
		for _, name := range []string{"", "ab", "A-bucket", "169.254.169.254", "evil.example/a", "a?b=c", "a#bc",
			"a..b", "../up", "-abc", "abc-", "a b", "a%2fb", "a@b", "a:1", strings.Repeat("a", 223)} {
			c.Bucket = name
			if _, err := blob.Open(t.Context(), c); !errors.Is(err, blob.ErrNotFound) {
				t.Errorf("%s %q: got %v, want ErrNotFound", kind, name, err)
			}
		}
		for _, name := range []string{"abc", "my.bucket-1", strings.Repeat("a", 222)} {
			c.Bucket = name
			b, err := blob.Open(t.Context(), c)
			if err != nil {
				t.Errorf("%s %q: %v", kind, name, err)
				continue
			}
			b.Close()
		}
	}
}

func TestOwners(t *testing.T) {
	dir := t.TempDir()
	for name, ok := range map[string]bool{"": false, "a b": false, "é": false, "a\n": false,
		strings.Repeat("o", 256): true, strings.Repeat("o", 257): false} {
		b, err := blob.Open(t.Context(), blob.Config{Type: "file", Bucket: dir, Directories: []string{dir},
			Owner: name})
		if (err == nil) != ok {
			t.Errorf("owner %q: %v", name, err)
		}
		if err == nil {
			b.Close()
		}
	}
}
