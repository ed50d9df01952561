package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// keyPair is a certificate and its key in two files, which are read again when
// the certificate's file changes: certificates end, servers go on.
type keyPair struct {
	cert, key string
	logger    *slog.Logger

	mu      sync.Mutex // guards the members below
	loaded  *tls.Certificate
	mtime   time.Time // of the certificate that is loaded
	failure string    // of reading the one that replaced it, once logged
}

// get returns the pair for a handshake. If the files have changed and cannot
// be read, the last good pair is used, and each handshake tries again: the key
// may be written after the certificate.
func (k *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	err := k.refresh()
	if err != nil && k.loaded == nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	if err != nil && err.Error() != k.failure {
		k.failure = err.Error()
		k.logger.Error("the new certificate cannot be used; the one before it is", "error", err)
	}
	return k.loaded, nil
}

// refresh reads the files if the certificate's has changed.
func (k *keyPair) refresh() error {
	info, err := os.Stat(k.cert)
	if err != nil || k.loaded != nil && info.ModTime().Equal(k.mtime) {
		return err
	}
	pair, err := tls.LoadX509KeyPair(k.cert, k.key)
	if err == nil {
		k.loaded, k.mtime, k.failure = &pair, info.ModTime(), ""
	}
	return err
}
