package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/scaivault/audit"
)

// Vault takes the audit lines of HashiCorp Vault and OpenBao. Take returns when
// all lines are durable; its errors carry codes, unless the reader failed.
type Vault interface {
	Take(ctx context.Context, tenant audit.TenantID, lines io.Reader) error
}

const (
	// VaultTimeout is how long lines may take to come and to become durable: a
	// secrets manager lets its own client wait for the answer, which must be
	// there within 5 seconds (contract §5).
	VaultTimeout = 4500 * time.Millisecond
	// vaultBodyTimeout is how much of that they may take to come, so that those
	// that came before a body stopped halfway still become durable.
	vaultBodyTimeout = VaultTimeout - 500*time.Millisecond
	// MaxVaultBody is the largest body of lines in bytes: one line of 64 MiB, or
	// many.
	MaxVaultBody = 64<<20 + 64<<10
)

// ingestVault answers POST /v1/audit/ingest/vault as OpenBao's HTTP device calls
// it: an object per request and one per response, without a content type. The
// device does not try again, and takes any status from 300 on for a failure.
func (s *Server) ingestVault(r *request) error {
	if err := r.only(); err != nil {
		return err
	}
	if encoding, err := contentEncoding(r); err != nil || encoding != "identity" {
		r.out.Header().Del("Accept-Encoding")
		return audit.Errorf(audit.CodeUnsupportedMediaType, "want no Content-Encoding here")
	}
	if r.ContentLength > MaxVaultBody {
		return tooLarge(MaxVaultBody)
	}
	// A connection that fails ends the request's context, and the lines that came
	// before are kept all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), VaultTimeout)
	defer cancel()
	// Without it a body that stops halfway is waited for as long as any other.
	deadline := time.Now().Add(vaultBodyTimeout)
	if err := http.NewResponseController(&r.out).SetReadDeadline(deadline); err != nil &&
		!errors.Is(err, http.ErrNotSupported) {
		return err
	}
	// MaxBytesReader wants to see the writer that net/http made.
	body := http.MaxBytesReader(r.out.ResponseWriter, r.Body, MaxVaultBody)
	if err := s.Vault.Take(ctx, r.tenant, body); err != nil {
		return takeError(err)
	}
	r.out.WriteHeader(statusNoContent)
	return nil
}

// takeError returns the error of lines that were not taken. What kept them from
// the disk goes before what was wrong with the body.
func takeError(err error) error {
	var limit *http.MaxBytesError
	switch {
	case audit.ErrorCode(err) != audit.CodeInternal:
		return err
	case errors.As(err, &limit), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, io.ErrUnexpectedEOF):
		return bodyError(err)
	}
	return err
}
