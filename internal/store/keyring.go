package store

import (
	"github.com/scaivault/audit"
)

// keyLifetime is how long an idempotency key makes a batch repeatable.
const keyLifetime = 24 * audit.Hour

// keyring remembers the answers to batches that had an idempotency key.
type keyring struct {
	byKey map[string]*keyed
	queue []string // keys in the order of their receipt, but for those that were carried
}

// keyed is the answer to the batch with a key.
type keyed struct {
	digest  [32]byte
	receipt audit.Receipt
	at      audit.Time
	group   *group // that makes the answer true; nil after recovery
}

func newKeyring() keyring { return keyring{byKey: make(map[string]*keyed)} }

// find returns the answer to the key, or nil.
func (r *keyring) find(key string, now audit.Time) *keyed {
	if k := r.byKey[key]; k != nil && now < k.at+keyLifetime {
		return k
	}
	return nil
}

// add adds the answer to a key. One that is carried is there already, and one
// that is over may be: it has its place in the queue.
func (r *keyring) add(key string, k *keyed) {
	if r.byKey[key] == nil {
		r.queue = append(r.queue, key)
	}
	r.byKey[key] = k
}

// forget drops the keys whose lifetime is over.
func (r *keyring) forget(now audit.Time) {
	for len(r.queue) > 0 && r.byKey[r.queue[0]].at+keyLifetime <= now {
		delete(r.byKey, r.queue[0])
		r.queue = r.queue[1:]
	}
}

// replay answers a batch with the key of an earlier one.
func (k *keyed) replay(b *audit.Batch) (audit.Receipt, error) {
	if k.digest != b.Digest {
		return audit.Receipt{}, audit.Errorf(audit.CodeIDConflict,
			"idempotency key %q came with another body before", b.Key)
	}
	receipt := k.receipt
	receipt.Replayed = true
	return receipt, nil
}
