package main

import (
	"cmp"
	"context"
	"log/slog"
	"path/filepath"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/blob"
	"github.com/scaivault/audit/internal/export"
)

// buckets opens the buckets of exports, as the operator allows them.
type buckets struct {
	directories []string
	guard       *blob.Guard
	logger      *slog.Logger
}

func (c *serveCommand) buckets(logger *slog.Logger) *buckets {
	return &buckets{
		directories: c.ExportDir,
		guard:       &blob.Guard{AllowEndpoints: c.AllowEndpoint, AllowLoopback: c.Dev},
		logger:      logger,
	}
}

// open opens the bucket of an export. In a directory each tenant has one of its
// own.
func (b *buckets) open(ctx context.Context, p export.Place) (blob.Bucket, error) {
	bucket := p.Destination.Bucket
	if p.Destination.Type == audit.DestinationFile {
		if len(b.directories) == 0 {
			return nil, blob.ErrNotFound
		}
		bucket = filepath.Join(cmp.Or(bucket, b.directories[0]), string(p.Tenant))
	}
	return blob.Open(ctx, blob.Config{
		Type: string(p.Destination.Type), Bucket: bucket, Prefix: p.Destination.Prefix,
		Credentials: p.Credentials, Owner: string(p.Export),
		Dial: b.guard, Directories: b.directories, Logger: b.logger,
	})
}
