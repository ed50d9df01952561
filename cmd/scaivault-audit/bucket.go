package main

import (
	"context"
	"errors"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/blob"
	"github.com/scaivault/audit/internal/export"
)

// openBucket opens the bucket of an export, as the operator allows it.
func (c *serveCommand) openBucket(context.Context, export.Place) (blob.Bucket, error) {
	return nil, errors.New("buckets are not built yet")
}

// noSecrets is a place without secrets.
type noSecrets struct{}

// Get finds nothing.
func (noSecrets) Get(
	_ context.Context, _ audit.TenantID, path audit.Path, _ string,
) (map[string]string, error) {
	return nil, audit.Errorf(audit.CodeAccessDenied, "secret %q: there is none", path)
}
