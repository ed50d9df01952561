package blob

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Config says which bucket is written to, and as whom.
type Config struct {
	// Type is the kind of store: "s3", "gcs", "azure_blob" or "file".
	Type string
	// Bucket is the bucket, the container of Azure, or an absolute directory.
	// A directory that is missing below one of Directories is made when the
	// first object is.
	Bucket string
	// Credentials are the members of the credentials secret.
	Credentials Credentials
	// Owner names the job over all its restarts: 1 to 256 visible ASCII
	// characters. It is kept with each object, as its metadata
	// "scaivault-owner" ("scaivault_owner" in Azure, which has no hyphens).
	Owner string
	// Prefix is the folder in which Check tries to write; "" is the top.
	Prefix string
	// PartSize is how many bytes are held in memory and sent in one request,
	// 8 MiB if 0. From the thousandth part of an object on it doubles after
	// each thousand, so that the 10,000 parts that S3 allows suffice for an
	// object of 5 TiB.
	PartSize int
	// Dial guards the connections; nil allows public addresses only.
	Dial *Guard
	// Directories are the absolute directories that a bucket of type "file"
	// may be, or be below of.
	Directories []string
	// Logger is told what is tidied up; nil is nobody.
	Logger *slog.Logger

	retry retry
}

// defaultPartSize is above the least that S3 takes (5 MiB) and a multiple of
// what Google wants (256 KiB).
const defaultPartSize = 8 << 20

// Open returns the bucket of the configuration without asking the store
// anything. Errors wrap ErrCredentials, naming the member of the secret but
// never its value, ErrAddress if the endpoint or the directory is not allowed,
// or ErrNotFound if no bucket can have that name.
func Open(ctx context.Context, c Config) (Bucket, error) {
	if !visible(c.Owner) {
		return nil, errors.New("open bucket: the owner is not 1 to 256 visible ASCII characters")
	}
	if c.Prefix != "" {
		if _, err := folder(c.Prefix); err != nil {
			return nil, fmt.Errorf("open bucket: %w", err)
		}
	}
	if c.PartSize <= 0 {
		c.PartSize = defaultPartSize
	}
	if c.Dial == nil {
		c.Dial = &Guard{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.retry == (retry{}) {
		c.retry = defaultRetry
	}
	switch c.Type {
	case "s3":
		return openS3(c)
	case "gcs":
		return openGCS(ctx, c)
	case "azure_blob":
		return openAzure(c)
	case "file":
		return openFile(c)
	}
	return nil, fmt.Errorf("open bucket: unknown type %q", c.Type)
}

// bucketName is what the names of S3 (RFC 1123 labels) and of Google have in
// common with those of Azure; each store is stricter and says so itself. What
// matters here is that no name can change the host or the path of a request.
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$`)

// address looks like an IPv4 address, which no store takes as a name.
var address = regexp.MustCompile(`^[0-9.]+$`)

func checkBucketName(name string) error {
	if !bucketName.MatchString(name) || strings.Contains(name, "..") || address.MatchString(name) {
		return fmt.Errorf("open bucket: no bucket can have this name: %w", ErrNotFound)
	}
	return nil
}

const maxKey = 1024 // bytes; the least of the four (S3 and Google)

func checkKey(key string) error {
	if key == "" || len(key) > maxKey || !utf8.ValidString(key) || strings.Contains(key, `\`) ||
		strings.ContainsFunc(key, unicode.IsControl) {
		return errors.New("the key is not 1 to 1,024 bytes of printable UTF-8")
	}
	for segment := range strings.SplitSeq(key, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return errors.New(`a segment of the key is empty, or "." or ".."`)
		}
	}
	return nil
}

// folder returns the prefix that all keys of a folder begin with.
func folder(prefix string) (string, error) {
	prefix = strings.TrimSuffix(prefix, "/")
	if err := checkKey(prefix); err != nil {
		return "", fmt.Errorf("the prefix is not a folder: %w", err)
	}
	return prefix + "/", nil
}

// probe returns a key below the prefix that no object has.
func (c *Config) probe() string {
	name := ".scaivault-check-" + rand.Text()
	if c.Prefix == "" {
		return name
	}
	return strings.TrimSuffix(c.Prefix, "/") + "/" + name
}

func visible(s string) bool {
	return s != "" && len(s) <= 256 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
