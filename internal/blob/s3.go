package blob

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	awsretry "github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// minS3Part is the least size of a part that is not the last of its object.
const minS3Part = 5 << 20

// s3Bucket is a bucket of Amazon S3 or of a store that speaks its protocol
// with conditional writes.
type s3Bucket struct {
	Config
	compatible bool // somebody else's store
	http       *http.Client
	client     *s3.Client
}

var regionName = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)

func openS3(c Config) (Bucket, error) {
	if err := checkBucketName(c.Bucket); err != nil {
		return nil, err
	}
	id, err := c.Credentials.need("access_key_id")
	if err != nil {
		return nil, err
	}
	secret, err := c.Credentials.need("secret_access_key")
	if err != nil {
		return nil, err
	}
	region := cmp.Or(c.Credentials["region"], "us-east-1")
	if !regionName.MatchString(region) {
		return nil, malformed("region", "is not the name of a region")
	}
	endpoint, err := c.Credentials.endpoint(c.Dial)
	if err != nil {
		return nil, err
	}
	style := cmp.Or(c.Credentials["path_style"], map[bool]string{true: "false", false: "true"}[endpoint == ""])
	if style != "true" && style != "false" {
		return nil, malformed("path_style", "is neither true nor false")
	}
	c.PartSize = max(c.PartSize, minS3Part)
	b := &s3Bucket{Config: c, compatible: endpoint != "", http: c.Dial.client()}
	keys := aws.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: c.Credentials["session_token"]}
	options := s3.Options{
		Region:       region,
		UsePathStyle: style == "true",
		HTTPClient:   b.http,
		Retryer:      c.retry.s3(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return keys, nil
		}),
	}
	if endpoint != "" {
		options.BaseEndpoint = &endpoint
	}
	b.client = s3.New(options)
	return b, nil
}

// s3 returns the retryer of the SDK, without its budget: that would give up
// early just when a store is slow for long.
func (r retry) s3() aws.Retryer {
	return awsretry.NewStandard(func(o *awsretry.StandardOptions) {
		o.MaxAttempts = r.attempts
		o.MaxBackoff = r.max
		o.Backoff = r
		o.RateLimiter = ratelimit.None
		o.Retryables = append([]awsretry.IsErrorRetryable{awsretry.IsErrorRetryableFunc(s3Retryable)},
			o.Retryables...)
	})
}

// BackoffDelay returns the pause after an attempt, counted from 0.
func (r retry) BackoffDelay(attempt int, _ error) (time.Duration, error) {
	longest := min(r.max, r.min<<min(attempt, 16))
	return longest/2 + rand.N(longest/2+1), nil
}

func s3Retryable(err error) aws.Ternary {
	if a := s3Answer(err); a.status != 0 {
		if busy(a.status) {
			return aws.TrueTernary
		}
		return aws.UnknownTernary
	}
	return aws.BoolTernary(transient(err))
}

// s3Answer returns what the store said in an error of the SDK.
func s3Answer(err error) answer {
	var a answer
	var reply *smithyhttp.ResponseError
	if errors.As(err, &reply) && reply.Response != nil {
		a.status = reply.HTTPStatusCode()
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		a.code = api.ErrorCode()
	}
	return a
}

func s3Fault(op string, err error) error {
	if err == nil {
		return nil
	}
	return fault(op, err, s3Answer(err))
}

// Check begins an upload and gives it up.
func (b *s3Bucket) Check(ctx context.Context) error {
	u := b.upload(ctx, b.probe())
	if err := u.begin(); err != nil {
		u.tidy()
		return err
	}
	return u.Abort()
}

// Taken asks for the metadata of what has the key.
func (b *s3Bucket) Taken(ctx context.Context, key string) (bool, error) {
	there, err := b.upload(ctx, key).look(ctx)
	return taken(there, err, b.Owner)
}

// Create begins an object. It is sent in one request if it fits into a part.
func (b *s3Bucket) Create(ctx context.Context, key string) (Upload, error) {
	if err := checkKey(key); err != nil {
		return nil, fmt.Errorf("create object: %w", err)
	}
	return b.upload(ctx, key), nil
}

// Sweep gives up all unfinished uploads below the prefix.
func (b *s3Bucket) Sweep(ctx context.Context, prefix string) error {
	prefix, err := folder(prefix)
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	return b.sweep(ctx, prefix, func(key string) bool { return strings.HasPrefix(key, prefix) })
}

// sweep gives up the unfinished uploads whose keys begin with prefix and are
// wanted.
func (b *s3Bucket) sweep(ctx context.Context, prefix string, wanted func(key string) bool) error {
	pages := s3.NewListMultipartUploadsPaginator(b.client,
		&s3.ListMultipartUploadsInput{Bucket: &b.Bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return s3Fault("list unfinished uploads", err)
		}
		for _, u := range page.Uploads {
			if !wanted(aws.ToString(u.Key)) {
				continue
			}
			if err := b.abort(ctx, *u.Key, aws.ToString(u.UploadId)); err != nil {
				return err
			}
			b.Logger.Info("unfinished upload removed", "key", *u.Key)
		}
	}
	return nil
}

// abort gives up an upload; one that does not exist any more is fine.
func (b *s3Bucket) abort(ctx context.Context, key, id string) error {
	_, err := b.client.AbortMultipartUpload(ctx,
		&s3.AbortMultipartUploadInput{Bucket: &b.Bucket, Key: &key, UploadId: &id})
	if a := s3Answer(err); a.code == "NoSuchUpload" {
		return nil
	}
	return s3Fault("abort upload", err)
}

// Close closes idle connections.
func (b *s3Bucket) Close() error {
	b.http.CloseIdleConnections()
	return nil
}
