// Package secrets finds the credentials of export destinations. A secret is a
// few named texts, its members, found by tenant and path. They come from one of
// three sources, all with the same method Get:
//
//   - [Local] keeps them in the data directory, encrypted;
//   - [ScaiVault] reads them there with the token of whoever asks, who must be
//     allowed to read them;
//   - [Vault] reads them from a KV engine of HashiCorp Vault or OpenBao with a
//     token of its own, below a prefix that the operator allowed.
//
// A secret that is missing and one that may not be read give the same error, so
// that nobody can look for paths. No error holds a value, a token or any text of
// a remote answer.
package secrets

import (
	"fmt"

	"github.com/scaivault/audit"
)

// MaxSize is the longest JSON text of a secret's members in bytes.
const MaxSize = 64 << 10

// denied returns the error for a secret that is missing or may not be read.
func denied(path audit.Path) error {
	return audit.Errorf(audit.CodeAccessDenied, "secret %q: there is none, or it may not be read", path)
}

// unavailable returns the error for a source that gives no answer, with the
// cause for the server's log only.
func unavailable(path audit.Path, cause error) error {
	return &audit.Error{
		Code:    audit.CodeUnavailable,
		Message: fmt.Sprintf("secret %q: its source cannot be read now", path),
		Err:     cause,
	}
}
