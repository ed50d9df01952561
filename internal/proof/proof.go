// Package proof makes a log one that can be proved. Over the canonical lines of
// each tenant, in the order of their indexes, stands a Merkle tree (RFC 6962);
// its root at a size commits to every line below that size.
//
// A [Tree] keeps the hashes from which every root and proof is made. A
// [Checkpoint] is a size and its root; a [Notary] signs it as a C2SP
// checkpoint, and never one that goes back behind an earlier one. [Inclusion]
// proves that a line is in the tree, [Consistency] that one tree continues
// another, a [Part] that all lines of an exported file are in it.
//
// [VerifyExport] and [VerifyLog] check all that offline, with nothing but the
// public key. They read what anybody may have written: they never panic, never
// need more memory than their limits say, and name the first fault.
package proof

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/scaivault/audit"
)

// Hash is a node of a tree: SHA-256 of 0x00 and a line for a leaf, of 0x01 and
// both children above (RFC 6962, section 2.1). In JSON it is base64.
type Hash = tlog.Hash

// MaxSize is the largest size of a tree; an index has 48 bits.
const MaxSize = audit.MaxIndex + 1

// Log is what a tree is built over.
type Log interface {
	// Lines yields the canonical lines, without line ends, of the indexes
	// from ≤ index < to of the tenant's log, in that order. All of them are
	// durable. A line is valid until the next step; an error comes with a nil
	// line and ends the walk.
	Lines(ctx context.Context, tenant audit.TenantID, from, to uint64) iter.Seq2[[]byte, error]
}

// What a notary refuses. Neither ever happens to a log that only grew.
var (
	// ErrRollback says that a log is shorter than it has been: an old backup
	// was restored, or the end was cut off.
	ErrRollback = errors.New("the log goes back behind its checkpoint")
	// ErrFork says that a log has other lines than it had.
	ErrFork = errors.New("the log is not the one that its checkpoint was made of")
)

// checkSizes is the error of sizes that no tree has.
func checkSizes(sizes ...uint64) error {
	for _, s := range sizes {
		if s > MaxSize {
			return fmt.Errorf("size %d of a tree: want at most %d", s, uint64(MaxSize))
		}
	}
	return nil
}

// parseHash reads what [Hash.String] prints, and nothing else that means it.
func parseHash(s string) (Hash, error) {
	h, err := tlog.ParseHash(s)
	if err == nil && h.String() != s {
		err = errors.New("malformed hash")
	}
	return h, err
}
