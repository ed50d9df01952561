package secrets

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"filippo.io/age"

	"github.com/scaivault/audit/internal/vfs"
)

// readKey reads the key of the store. Its file is one that the program age
// takes, too.
func (l *Local) readKey() (*age.X25519Identity, error) {
	data, err := vfs.ReadFile(l.fs, l.key)
	if err != nil {
		return nil, err
	}
	identities, err := age.ParseIdentities(bytes.NewReader(data))
	if err == nil && len(identities) == 1 {
		if key, ok := identities[0].(*age.X25519Identity); ok {
			return key, nil
		}
	}
	return nil, fmt.Errorf("%s: want one X25519 identity of age", l.key) // the cause would quote it
}

// ensureKey returns the key of the store, which it makes unless there are
// secrets already: those need the key that is gone. Of several processes that
// make it at once one succeeds, and all use that one's.
func (l *Local) ensureKey() (*age.X25519Identity, error) {
	names, err := l.fs.List(l.dir) // before the key is looked for: it comes before the first secret
	if err != nil {
		return nil, err
	}
	key, err := l.readKey()
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	for _, name := range names {
		if strings.HasSuffix(name, suffix) {
			return nil, fmt.Errorf("%s is missing; bring it back, or delete all secrets", l.key)
		}
	}
	if key, err = age.GenerateX25519Identity(); err != nil {
		return nil, err
	}
	text := fmt.Sprintf("# public key: %s\n%s\n", key.Recipient(), key)
	if err := vfs.WriteNew(l.fs, l.key, []byte(text)); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return l.readKey()
}
