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
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/scaivault/audit/internal/vfs"
)

// keyName is the file with the keys below the data directory, mode 0600. It is
// one JSON document.
const (
	keyName   = "proof.key"
	keyFormat = 1
)

// Keys are the Ed25519 keys of a server, the newest first. That one signs; of
// the others only the public half is left, so that what they signed can be
// verified. All logs share the keys, but each signs under its own name.
type Keys struct {
	Format int   `json:"format"`
	Keys   []Key `json:"keys"`
}

// Key is one of them.
type Key struct {
	CreatedAt time.Time         `json:"created_at"`
	Public    ed25519.PublicKey `json:"public"`         // 32 bytes, in base64
	Seed      []byte            `json:"seed,omitempty"` // 32 bytes, in base64; only of the newest
	// Statement is how the key before vouches for this one, "" for the first.
	Statement string `json:"statement,omitempty"`
}

// OpenKeys reads the keys below the data directory, or makes the first one.
func OpenKeys(fsys vfs.FS, dir string, now time.Time) (*Keys, error) {
	name := filepath.Join(dir, keyName)
	k, err := readKeys(fsys, name)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	k = &Keys{Format: keyFormat, Keys: []Key{newKey(now)}}
	err = vfs.WriteNew(fsys, name, k.text())
	if errors.Is(err, fs.ErrExist) { // somebody else was faster
		return readKeys(fsys, name)
	}
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", keyName, err)
	}
	return k, nil
}

// RotateKeys makes a new key below the data directory, which signs from then
// on, and for which the one that did vouches before its secret half is
// forgotten.
func RotateKeys(fsys vfs.FS, dir string, now time.Time) (*Keys, error) {
	old, err := OpenKeys(fsys, dir, now)
	if err != nil {
		return nil, err
	}
	next := newKey(now)
	if next.Statement, err = old.Keys[0].vouch(&next); err != nil {
		return nil, err
	}
	k := &Keys{Format: keyFormat, Keys: []Key{next}}
	for _, key := range old.Keys {
		key.Seed = nil
		k.Keys = append(k.Keys, key)
	}
	if err := vfs.WriteFile(fsys, filepath.Join(dir, keyName), k.text()); err != nil {
		return nil, fmt.Errorf("write %s: %w", keyName, err)
	}
	return k, nil
}

func newKey(now time.Time) Key {
	seed := make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(seed) // never fails
	public, _ := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	return Key{CreatedAt: now.UTC(), Public: public, Seed: seed}
}

func (k *Keys) text() []byte {
	text, _ := json.MarshalIndent(k, "", "  ") // of such members it cannot fail
	return append(text, '\n')
}

func readKeys(fsys vfs.FS, name string) (*Keys, error) {
	text, err := vfs.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", keyName, err)
	}
	k := new(Keys)
	if json.Unmarshal(text, k) != nil { // the error may quote a secret
		return nil, fmt.Errorf("read %s: it is not a list of keys", keyName)
	}
	if k.Format != keyFormat {
		return nil, fmt.Errorf("read %s: %w %d: this program reads %d", keyName, errFormat, k.Format, keyFormat)
	}
	for i, key := range k.Keys {
		if len(key.Public) != ed25519.PublicKeySize || i == 0 && !key.whole() {
			return nil, fmt.Errorf("read %s: key %d is damaged", keyName, i)
		}
	}
	if len(k.Keys) == 0 {
		return nil, fmt.Errorf("read %s: it has no key", keyName)
	}
	return k, nil
}

// whole reports whether both halves are there and belong together.
func (k *Key) whole() bool {
	return len(k.Seed) == ed25519.SeedSize &&
		bytes.Equal(ed25519.NewKeyFromSeed(k.Seed)[ed25519.SeedSize:], k.Public)
}

// Verifiers returns the verifier keys of the log with that origin, the newest
// first, as C2SP's signed-note writes them: name+hash+base64. The origin is
// their name.
func (k *Keys) Verifiers(origin string) ([]string, error) {
	list := make([]string, 0, len(k.Keys))
	for _, key := range k.Keys {
		v, err := note.NewEd25519VerifierKey(origin, key.Public)
		if err != nil {
			return nil, fmt.Errorf("verifier key of %q: %w", origin, err)
		}
		list = append(list, v)
	}
	return list, nil
}

// signer returns what signs under the name, and what verifies.
func (k *Keys) signer(origin string) (note.Signer, note.Verifiers, error) {
	texts, err := k.Verifiers(origin)
	if err != nil {
		return nil, nil, err
	}
	list := make([]note.Verifier, 0, len(texts))
	for _, text := range texts {
		v, err := note.NewVerifier(text)
		if err != nil {
			return nil, nil, fmt.Errorf("verifier key of %q: %w", origin, err)
		}
		list = append(list, v)
	}
	s := &signer{Verifier: list[0], key: ed25519.NewKeyFromSeed(k.Keys[0].Seed)}
	return s, note.VerifierList(list...), nil
}

// signer implements [note.Signer]; its name and hash are those of the verifier.
type signer struct {
	note.Verifier
	key ed25519.PrivateKey
}

// Sign implements [note.Signer].
func (s *signer) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }

// maxKeys is how many keys a file of verifier keys may hold.
const maxKeys = 10_000

// ParseVerifiers reads verifier keys, one a line, as [Keys.Verifiers] returns
// them. Empty lines and lines that begin with # are skipped.
func ParseVerifiers(text string) (note.Verifiers, error) {
	list, err := parseVerifiers(text)
	return note.VerifierList(list...), err
}

// ParseLogs is [ParseVerifiers] for the keys of several logs, by origin.
func ParseLogs(text string) (map[string]note.Verifiers, error) {
	list, err := parseVerifiers(text)
	if err != nil {
		return nil, err
	}
	byName := make(map[string][]note.Verifier)
	for _, v := range list {
		byName[v.Name()] = append(byName[v.Name()], v)
	}
	logs := make(map[string]note.Verifiers)
	for origin, own := range byName {
		logs[origin] = note.VerifierList(own...)
	}
	return logs, nil
}

func parseVerifiers(text string) ([]note.Verifier, error) {
	var list []note.Verifier
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		v, err := note.NewVerifier(line)
		if err != nil {
			return nil, fmt.Errorf("verifier key in line %d: %w", n, err)
		}
		if list = append(list, v); len(list) > maxKeys {
			return nil, fmt.Errorf("verifier keys: more than %d", maxKeys)
		}
	}
	return list, nil
}
