package main

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// keyPair is a certificate and its key in two files, which are read again when
// the certificate's file changes: certificates end, servers go on.
type keyPair struct {
	cert, key string

	mu     sync.Mutex // guards the members below
	loaded *tls.Certificate
	mtime  time.Time
}

// get returns the pair for a handshake. If the files have changed and cannot
// be read, the last good pair is used.
func (k *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	info, err := os.Stat(k.cert)
	if err == nil && k.loaded != nil && info.ModTime().Equal(k.mtime) {
		return k.loaded, nil
	}
	if err == nil {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(k.cert, k.key); err == nil {
			k.loaded, k.mtime = &pair, info.ModTime()
		}
	}
	if k.loaded == nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	return k.loaded, nil
}
