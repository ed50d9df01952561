package proof

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// A statement is a signed note by which a key vouches for the one that takes its
// place: a title, when that was, and the new public key in base64. All logs share
// the keys, so its name is that of no log; no checkpoint begins like it, as an
// origin has no space.
const (
	statementTitle = "scaivault-audit key rotation"
	statementName  = "scaivault-audit-key"
	maxStatements  = 1000
)

func statementText(at time.Time, public ed25519.PublicKey) string {
	return fmt.Sprintf("%s\n%s\n%s\n", statementTitle, at.UTC().Format(time.RFC3339),
		base64.StdEncoding.EncodeToString(public))
}

// vouch returns the statement of a key, both halves of which are there, for the
// next one.
func (k *Key) vouch(next *Key) (string, error) {
	text, err := note.NewEd25519VerifierKey(statementName, k.Public)
	if err != nil {
		return "", err
	}
	v, err := note.NewVerifier(text)
	if err != nil {
		return "", err
	}
	s := &signer{Verifier: v, key: ed25519.NewKeyFromSeed(k.Seed)}
	msg, err := sign(statementText(next.CreatedAt, next.Public), s)
	return string(msg), err
}

// Statements returns by which statements the keys vouch for those that took
// their place, the newest first.
func (k *Keys) Statements() []string {
	var list []string
	for _, key := range k.Keys {
		if key.Statement != "" {
			list = append(list, key.Statement)
		}
	}
	return list
}

// Vouched returns those of the offered verifier keys that are known, or for which
// a key that is known, or is vouched for, vouches by one of the statements. Keys
// of other names than the known ones are never among them.
func Vouched(known, offered, statements []string) ([]string, error) {
	if len(statements) > maxStatements || len(offered) > maxKeys {
		return nil, errors.New("keys: there are too many of them")
	}
	names := make(map[string]bool)
	var trusted []ed25519.PublicKey
	for _, text := range known {
		name, public, err := publicKey(text)
		if err != nil {
			return nil, fmt.Errorf("known key: %w", err)
		}
		names[name] = true
		trusted = append(trusted, public)
	}
	for i := 0; i < len(trusted); i++ { // it grows by those that are vouched for
		for _, msg := range statements {
			next := vouchedFor(trusted[i], msg)
			if next != nil && !slices.ContainsFunc(trusted, func(k ed25519.PublicKey) bool { return k.Equal(next) }) {
				trusted = append(trusted, next)
			}
		}
	}
	var list []string
	for _, text := range offered {
		name, public, err := publicKey(text)
		if err != nil {
			return nil, fmt.Errorf("offered key: %w", err)
		}
		if names[name] && slices.ContainsFunc(trusted, func(k ed25519.PublicKey) bool { return k.Equal(public) }) {
			list = append(list, text)
		}
	}
	return list, nil
}

// vouchedFor returns the key for which a statement vouches, nil if it is none of
// that key.
func vouchedFor(by ed25519.PublicKey, msg string) ed25519.PublicKey {
	text, err := note.NewEd25519VerifierKey(statementName, by)
	if err != nil {
		return nil
	}
	v, err := note.NewVerifier(text)
	if err != nil {
		return nil
	}
	n, err := note.Open([]byte(msg), note.VerifierList(v))
	if err != nil {
		return nil
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[0] != statementTitle {
		return nil
	}
	public, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(public) != ed25519.PublicKeySize {
		return nil
	}
	return public
}

// publicKey returns the name and the public key of a verifier key of a log.
func publicKey(text string) (string, ed25519.PublicKey, error) {
	v, err := note.NewVerifier(text)
	if err != nil {
		return "", nil, err
	}
	raw, err := base64.StdEncoding.DecodeString(strings.SplitN(text, "+", 3)[2]) // which may hold a '+'
	if err != nil || len(raw) != 1+ed25519.PublicKeySize || raw[0] != 1 {
		return "", nil, fmt.Errorf("verifier key of %q: it is not of Ed25519", v.Name())
	}
	return v.Name(), raw[1:], nil
}
