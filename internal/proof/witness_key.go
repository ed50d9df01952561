package proof

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/scaivault/audit/internal/vfs"
)

// witnessKeyName is the file with the key of a witness, mode 0600. It is one
// JSON document.
const (
	witnessKeyName   = "witness.key"
	witnessKeyFormat = 1
)

type witnessKeyFile struct {
	Format int               `json:"format"`
	Name   string            `json:"name"`
	Public ed25519.PublicKey `json:"public"` // 32 bytes, in base64
	Seed   []byte            `json:"seed"`   // 32 bytes, in base64
}

// openCosigner reads the key of the witness in dir, or makes it. Its name stays
// what it was at first, as it is part of every cosignature's key id.
func openCosigner(fsys vfs.FS, dir, name string, clock func() time.Time) (*cosigner, error) {
	file := filepath.Join(dir, witnessKeyName)
	text, err := vfs.ReadFile(fsys, file)
	if errors.Is(err, fs.ErrNotExist) {
		return newCosigner(fsys, file, name, clock)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", witnessKeyName, err)
	}
	var k witnessKeyFile
	if json.Unmarshal(text, &k) != nil || // the error may quote a secret
		k.Format != witnessKeyFormat || !isKeyName(k.Name) || len(k.Seed) != ed25519.SeedSize ||
		!bytes.Equal(ed25519.NewKeyFromSeed(k.Seed)[ed25519.SeedSize:], k.Public) {
		return nil, fmt.Errorf("read %s: it is not the key of a witness, or damaged", witnessKeyName)
	}
	if name != "" && name != k.Name {
		return nil, fmt.Errorf("read %s: it is the key of %q, not of %q", witnessKeyName, k.Name, name)
	}
	return &cosigner{newWitnessKey(k.Name, k.Public), ed25519.NewKeyFromSeed(k.Seed), clock}, nil
}

func newCosigner(fsys vfs.FS, file, name string, clock func() time.Time) (*cosigner, error) {
	if !isKeyName(name) {
		return nil, fmt.Errorf("name of a witness %q: want 1 to %d bytes without space and '+'", name, maxKeyName)
	}
	seed := make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(seed) // never fails
	key := ed25519.NewKeyFromSeed(seed)
	public, _ := key.Public().(ed25519.PublicKey)
	text, _ := json.MarshalIndent(witnessKeyFile{witnessKeyFormat, name, public, seed}, "", "  ") // cannot fail
	if err := vfs.WriteNew(fsys, file, append(text, '\n')); err != nil {
		return nil, fmt.Errorf("write %s: %w", witnessKeyName, err)
	}
	return &cosigner{newWitnessKey(name, public), key, clock}, nil
}
