package blob

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"net/http"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/storage"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
)

// gcsBucket is a bucket of Google Cloud Storage.
type gcsBucket struct {
	Config
	http   *http.Client
	client *storage.Client
	bucket *storage.BucketHandle
}

const (
	googleTokenURL = "https://oauth2.googleapis.com/token"
	googleScope    = "https://www.googleapis.com/auth/devstorage.read_write"
)

func openGCS(ctx context.Context, c Config) (Bucket, error) {
	if err := checkBucketName(c.Bucket); err != nil {
		return nil, err
	}
	endpoint, err := c.Credentials.endpoint(c.Dial)
	if err != nil {
		return nil, err
	}
	b := &gcsBucket{Config: c, http: c.Dial.client()}
	tokens, err := googleTokens(c, b.http)
	if err != nil {
		return nil, err
	}
	bearer := &http.Client{
		Transport:     bearerTransport{tokens, b.http.Transport},
		CheckRedirect: b.http.CheckRedirect,
	}
	// Without authentication by the SDK it does not look around for
	// credentials, in the environment or at a metadata address.
	options := []option.ClientOption{option.WithHTTPClient(bearer), option.WithoutAuthentication(),
		option.WithEndpoint(cmp.Or(endpoint, "https://storage.googleapis.com") + "/storage/v1/")}
	if b.client, err = storage.NewClient(ctx, options...); err != nil {
		return nil, fault("open bucket", err, answer{})
	}
	b.bucket = b.client.Bucket(c.Bucket)
	return b, nil
}

// googleTokens returns where access tokens come from: the service account's
// key signs a request for one (RFC 7523).
func googleTokens(c Config, client *http.Client) (auth.TokenProvider, error) {
	members := c.Credentials
	if text, ok := members["service_account_json"]; ok {
		members = make(Credentials)
		if err := json.Unmarshal([]byte(text), (*map[string]string)(&members)); err != nil {
			return nil, malformed("service_account_json", "is not an object of strings")
		}
	}
	if kind := cmp.Or(members["type"], "service_account"); kind != "service_account" {
		return nil, malformed("type", "is not service_account")
	}
	email, err := members.need("client_email")
	if err != nil {
		return nil, err
	}
	key := []byte(members["private_key"])
	if !isRSAKey(key) {
		return nil, malformed("private_key", "is not a private key in PEM")
	}
	tokenURL, err := checkEndpoint("token_uri", cmp.Or(members["token_uri"], googleTokenURL), c.Dial)
	if err != nil {
		return nil, err
	}
	provider, err := auth.New2LOTokenProvider(&auth.Options2LO{
		Email:        email,
		PrivateKey:   key,
		PrivateKeyID: members["private_key_id"],
		TokenURL:     tokenURL,
		Scopes:       []string{googleScope},
		Client:       client,
		Logger:       slog.New(slog.DiscardHandler), // or the environment could make it log requests
	})
	if err != nil {
		return nil, malformed("the service account's key", "is not complete")
	}
	return auth.NewCachedTokenProvider(provider, &auth.CachedTokenProviderOptions{DisableAsyncRefresh: true}), nil
}

func isRSAKey(text []byte) bool {
	block, _ := pem.Decode(bytes.TrimSpace(text))
	if block == nil {
		return false
	}
	_, err8 := x509.ParsePKCS8PrivateKey(block.Bytes)
	_, err1 := x509.ParsePKCS1PrivateKey(block.Bytes)
	return err8 == nil || err1 == nil
}

// bearerTransport adds an access token to requests.
type bearerTransport struct {
	tokens auth.TokenProvider
	base   http.RoundTripper
}

func (t bearerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	token, err := t.tokens.Token(r.Context())
	if err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+token.Value)
	return t.base.RoundTrip(r)
}

// object returns the handle of an object whose operations are retried. The
// SDK does not count the attempts of uploads, so they are counted here; the
// function it returns starts the count again, after something has succeeded.
func (b *gcsBucket) object(key string) (handle *storage.ObjectHandle, again func()) {
	failures := 0
	handle = b.bucket.Object(key).Retryer(
		storage.WithBackoff(gax.Backoff{Initial: b.retry.min, Max: b.retry.max, Multiplier: 2}),
		storage.WithPolicy(storage.RetryAlways), // all are conditional or reads
		storage.WithErrorFunc(func(err error) bool {
			if err == nil {
				return false
			}
			failures++
			if a := gcsAnswer(err); a.status != 0 {
				return failures < b.retry.attempts && busy(a.status)
			}
			return failures < b.retry.attempts && transient(err)
		}))
	return handle, func() { failures = 0 }
}

// gcsAnswer returns what the store said in an error of the SDK.
func gcsAnswer(err error) answer {
	var api *googleapi.Error
	if !errors.As(err, &api) {
		return answer{}
	}
	if len(api.Errors) > 0 {
		return answer{status: api.Code, code: api.Errors[0].Reason}
	}
	return answer{status: api.Code}
}

func gcsFault(op string, err error) error {
	if err == nil {
		return nil
	}
	return fault(op, err, gcsAnswer(err))
}

// Check asks for a write that cannot succeed: over an object which does not
// exist. The store looks at the permission first.
func (b *gcsBucket) Check(ctx context.Context) error {
	u := b.upload(ctx, b.probe(), 1)
	err := u.writer.Close()
	switch a := gcsAnswer(err); {
	case a.status == http.StatusPreconditionFailed:
		return nil
	case a.status == http.StatusNotFound:
		return fault("check bucket", ErrNotFound, answer{})
	case err == nil:
		return errors.New("check bucket: the store ignores conditions of writes")
	}
	return gcsFault("check bucket", err)
}

// Sweep does nothing: unfinished uploads are invisible and expire.
func (b *gcsBucket) Sweep(_ context.Context, prefix string) error {
	_, err := folder(prefix)
	return err
}

// Close closes idle connections.
func (b *gcsBucket) Close() error {
	b.http.CloseIdleConnections()
	return b.client.Close()
}
