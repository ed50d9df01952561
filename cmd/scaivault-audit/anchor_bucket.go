package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/blob"
	"github.com/scaivault/audit/internal/export"
)

// anchorSettings say where checkpoints are put, to be found there by those who
// do not trust the disk of the server.
type anchorSettings struct {
	Anchor            string        `placeholder:"URL" env:"ANCHOR" help:"Put checkpoints into s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, azure://CONTAINER/PREFIX or file:/DIR, where none is ever overwritten."`
	AnchorCredentials string        `placeholder:"PATH" env:"ANCHOR_CREDENTIALS" help:"Secret with its credentials, from where those of exports come."`
	AnchorTenant      string        `placeholder:"ID" env:"ANCHOR_TENANT" help:"Tenant whose secret that is, if there are several."`
	AnchorEvery       time.Duration `default:"1m" placeholder:"TIME" env:"ANCHOR_EVERY" help:"How often, where a log has grown (default ${default})."`
}

// check finds settings that do not go together.
func (c *anchorSettings) check(s *secretSettings) error {
	if c.Anchor == "" {
		if c.AnchorCredentials != "" || c.AnchorTenant != "" {
			return errors.New("--anchor-credentials, --anchor-tenant: are for --anchor, which is missing")
		}
		return nil
	}
	d, err := parseDestination(c.Anchor)
	switch {
	case err != nil:
		return fmt.Errorf("--anchor: %w", err)
	case c.AnchorEvery < time.Second:
		return errors.New("--anchor-every: want at least 1s")
	case d.Type == audit.DestinationFile && !filepath.IsAbs(d.Bucket):
		return fmt.Errorf("--anchor %s: want file:/DIR, an absolute directory", c.Anchor)
	case d.Type == audit.DestinationFile:
		return nil
	case d.Bucket == "":
		return fmt.Errorf("--anchor %s: want a bucket", c.Anchor)
	case c.AnchorCredentials == "":
		return errors.New("--anchor-credentials: want the path of the secret with the credentials of --anchor")
	case s.ScaiVaultURL != "":
		return errors.New("--anchor: its credentials cannot come from --scaivault-url, where each caller reads " +
			"with a token of its own; use --vault-url or secret put")
	}
	return nil
}

// anchorBucket is where checkpoints are put.
type anchorBucket struct {
	destination audit.Destination
	credentials audit.Path
	tenant      audit.TenantID // whose secret that is; "" is the only one
	secrets     export.Secrets
	tenants     func() []audit.TenantID
	guard       *blob.Guard
	logger      *slog.Logger
}

// anchorTimeout is how long one checkpoint may take.
const anchorTimeout = 30 * time.Second

// put makes an object, if nothing has its name; one of the same content will do.
// Any other there is a [blob.ErrConflict].
func (b *anchorBucket) put(ctx context.Context, name string, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, anchorTimeout)
	defer cancel()
	credentials, err := b.read(ctx)
	if err != nil {
		return err
	}
	d := b.destination
	// Objects of one owner may replace each other: the content is the owner.
	bucket, err := blob.Open(ctx, blob.Config{
		Type: string(d.Type), Bucket: d.Bucket, Credentials: credentials,
		Owner: fmt.Sprintf("checkpoint-%x", sha256.Sum256(data)),
		Dial:  b.guard, Directories: []string{d.Bucket}, Logger: b.logger,
	})
	if err != nil {
		return err
	}
	defer bucket.Close()
	upload, err := bucket.Create(ctx, path.Join(strings.Trim(d.Prefix, "/"), name))
	if err != nil {
		return err
	}
	if _, err := io.Copy(upload, bytes.NewReader(data)); err != nil {
		return errors.Join(err, upload.Abort())
	}
	return upload.Commit(ctx)
}

// read returns the credentials, nil where none are needed.
func (b *anchorBucket) read(ctx context.Context) (blob.Credentials, error) {
	if b.destination.Type == audit.DestinationFile {
		return nil, nil
	}
	tenant := b.tenant
	if tenant == "" {
		tenants := b.tenants()
		if len(tenants) != 1 {
			return nil, fmt.Errorf("there are %d tenants: --anchor-tenant says whose secret --anchor-credentials is",
				len(tenants))
		}
		tenant = tenants[0]
	}
	return b.secrets.Get(ctx, tenant, b.credentials, "")
}
