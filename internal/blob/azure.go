package blob

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	azblob "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// azureBucket is a container of Azure Blob Storage.
type azureBucket struct {
	Config
	http   *http.Client
	client *container.Client
}

// accountName is the name of a storage account; it becomes part of the host.
var accountName = regexp.MustCompile(`^[a-z0-9]{3,24}$`)

// azureAccount is what the credentials say, however they say it.
type azureAccount struct {
	name, key, sas string // key or sas
	endpoint       string
}

func openAzure(c Config) (Bucket, error) {
	if err := checkBucketName(c.Bucket); err != nil {
		return nil, err
	}
	account, err := readAzureAccount(c.Credentials, c.Dial)
	if err != nil {
		return nil, err
	}
	b := &azureBucket{Config: c, http: c.Dial.client()}
	options := &container.ClientOptions{ClientOptions: policy.ClientOptions{
		Transport: b.http,
		Retry:     c.retry.azure(),
	}}
	address := account.endpoint + "/" + c.Bucket
	if account.key == "" {
		b.client, err = container.NewClientWithNoCredential(address+"?"+account.sas, options)
	} else {
		var key *container.SharedKeyCredential
		if key, err = azblob.NewSharedKeyCredential(account.name, account.key); err != nil {
			return nil, malformed("account_key", "is not base64")
		}
		b.client, err = container.NewClientWithSharedKeyCredential(address, key, options)
	}
	if err != nil {
		return nil, malformed("endpoint", "is not a URL that the SDK takes")
	}
	return b, nil
}

func (r retry) azure() policy.RetryOptions {
	return policy.RetryOptions{
		MaxRetries:    int32(r.attempts - 1),
		RetryDelay:    r.min,
		MaxRetryDelay: r.max,
		ShouldRetry: func(answer *http.Response, err error) bool {
			if err != nil {
				return transient(err)
			}
			return busy(answer.StatusCode)
		},
	}
}

// readAzureAccount reads the members of the credentials, or those of the
// connection string under the names that it has for them.
func readAzureAccount(c Credentials, g *Guard) (azureAccount, error) {
	var a azureAccount
	member := func(name, inString string) string { return c[name] }
	if text := c["connection_string"]; text != "" {
		fields := make(map[string]string)
		for field := range strings.SplitSeq(text, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
			fields[name] = value
		}
		member = func(name, inString string) string { return cmp.Or(fields[inString], c[name]) }
		if suffix := fields["EndpointSuffix"]; suffix != "" && fields["BlobEndpoint"] == "" {
			fields["BlobEndpoint"] = cmp.Or(fields["DefaultEndpointsProtocol"], "https") + "://" +
				fields["AccountName"] + ".blob." + suffix
		}
	}
	a.name = member("account_name", "AccountName")
	a.key = member("account_key", "AccountKey")
	a.sas = strings.TrimPrefix(member("sas_token", "SharedAccessSignature"), "?")
	a.endpoint = strings.TrimSpace(member("endpoint", "BlobEndpoint"))
	if a.endpoint != "" {
		var err error
		if a.endpoint, err = checkEndpoint("endpoint", a.endpoint, g); err != nil {
			return a, err
		}
	}
	return a, a.check()
}

func (a *azureAccount) check() error {
	if a.endpoint == "" || a.key != "" {
		if !accountName.MatchString(a.name) {
			return malformed("account_name", "is missing or not the name of an account")
		}
	}
	if a.endpoint == "" {
		a.endpoint = "https://" + a.name + ".blob.core.windows.net"
	}
	if a.key != "" {
		if _, err := base64.StdEncoding.DecodeString(a.key); err != nil {
			return malformed("account_key", "is not base64")
		}
		return nil
	}
	if a.sas == "" {
		return malformed("account_key", "is missing, and so is sas_token")
	}
	if q, err := url.ParseQuery(a.sas); err != nil || q.Get("sig") == "" {
		return malformed("sas_token", "is not a shared access signature")
	}
	return nil
}

// azureAnswer returns what the store said in an error of the SDK.
func azureAnswer(err error) answer {
	var reply *azcore.ResponseError
	if !errors.As(err, &reply) {
		return answer{}
	}
	return answer{status: reply.StatusCode, code: reply.ErrorCode}
}

func azureFault(op string, err error) error {
	if err == nil {
		return nil
	}
	return fault(op, err, azureAnswer(err))
}

// Check asks for a write that cannot succeed: over a blob which does not
// exist. The store looks at the permission first.
func (b *azureBucket) Check(ctx context.Context) error {
	blob := b.client.NewBlockBlobClient(b.probe())
	never := azcore.ETag(`"0x0"`)
	_, err := blob.Upload(ctx, streaming.NopCloser(bytes.NewReader(nil)), &blockblob.UploadOptions{
		AccessConditions: &azblob.AccessConditions{
			ModifiedAccessConditions: &azblob.ModifiedAccessConditions{IfMatch: &never}},
	})
	switch a := azureAnswer(err); {
	case a.code == "ConditionNotMet", a.code == "BlobNotFound":
		return nil
	case err == nil:
		_, err = blob.Delete(ctx, nil)
	}
	return azureFault("check container", err)
}

// Taken asks for the metadata of what has the key.
func (b *azureBucket) Taken(ctx context.Context, key string) (bool, error) {
	u := &azureUpload{blob: b.client.NewBlockBlobClient(key)}
	there, err := u.look(ctx)
	return taken(there, err, b.Owner)
}

// Create begins an object.
func (b *azureBucket) Create(ctx context.Context, key string) (Upload, error) {
	if err := checkKey(key); err != nil {
		return nil, fmt.Errorf("create object: %w", err)
	}
	u := &azureUpload{ctx: ctx, blob: b.client.NewBlockBlobClient(key), stamp: newStamp(b.Owner)}
	u.parts = parts{size: b.PartSize, send: u.send}
	return u, nil
}

// Sweep does nothing: uncommitted blocks are invisible and expire.
func (b *azureBucket) Sweep(_ context.Context, prefix string) error {
	_, err := folder(prefix)
	return err
}

// Close closes idle connections.
func (b *azureBucket) Close() error {
	b.http.CloseIdleConnections()
	return nil
}

// azureMetadata returns what is kept with an object. The names are those of
// identifiers in C#, so they have no hyphens.
func azureMetadata(s stamp) map[string]*string {
	return map[string]*string{azureOwnerKey: to.Ptr(s.owner), azureUploadKey: to.Ptr(s.upload)}
}

const (
	azureOwnerKey  = "scaivault_owner"
	azureUploadKey = "scaivault_upload"
)
