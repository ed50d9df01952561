package proof

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
)

// algCosignature is the type of a key that cosigns, in verifier keys and key ids
// (C2SP tlog-cosignature, Ed25519). Such a key never passes for one of a log,
// whose type is 1.
const algCosignature = 4

// cosignatureSize is the time as a big-endian u64, and an Ed25519 signature.
const cosignatureSize = 8 + ed25519.SignatureSize

// cosignedText returns what a witness signs of a checkpoint's text: when it saw
// it is part of it.
func cosignedText(at uint64, text []byte) []byte {
	head := "cosignature/v1\ntime " + strconv.FormatUint(at, 10) + "\n"
	return append([]byte(head), text...)
}

// WitnessKey verifies the cosignatures of one witness. It implements
// [note.Verifier].
type WitnessKey struct {
	name   string
	hash   uint32
	public ed25519.PublicKey
}

// newWitnessKey returns the key of that name; its id is that of C2SP.
func newWitnessKey(name string, public ed25519.PublicKey) *WitnessKey {
	id := sha256.Sum256(append([]byte(name+"\n\x04"), public...))
	return &WitnessKey{name, binary.BigEndian.Uint32(id[:]), public}
}

var errWitnessKey = errors.New("verifier key of a witness: want name+hash+base64, of a key that cosigns (type 4)")

// ParseWitnessKey reads what [WitnessKey.String] prints, and nothing else that
// means it.
func ParseWitnessKey(text string) (*WitnessKey, error) {
	name, rest, _ := strings.Cut(text, "+")
	_, b64, _ := strings.Cut(rest, "+")
	raw, err := base64.StdEncoding.DecodeString(b64)
	if err != nil || len(raw) != 1+ed25519.PublicKeySize || raw[0] != algCosignature || !isKeyName(name) {
		return nil, errWitnessKey
	}
	k := newWitnessKey(name, raw[1:])
	if k.String() != text {
		return nil, errWitnessKey
	}
	return k, nil
}

// maxKeyName is how many bytes the name of a witness or a log has at most.
const maxKeyName = 200

// isKeyName reports whether a name can stand in a note (C2SP signed-note).
func isKeyName(name string) bool {
	return name != "" && len(name) <= maxKeyName && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, func(r rune) bool { return r == '+' || r < ' ' || unicode.IsSpace(r) })
}

// String returns the verifier key: name+hash+base64.
func (k *WitnessKey) String() string {
	raw := append([]byte{algCosignature}, k.public...)
	return fmt.Sprintf("%s+%08x+%s", k.name, k.hash, base64.StdEncoding.EncodeToString(raw))
}

// Name implements [note.Verifier].
func (k *WitnessKey) Name() string { return k.name }

// KeyHash implements [note.Verifier].
func (k *WitnessKey) KeyHash() uint32 { return k.hash }

// Verify implements [note.Verifier].
func (k *WitnessKey) Verify(text, sig []byte) bool {
	if len(sig) != cosignatureSize {
		return false
	}
	at := binary.BigEndian.Uint64(sig)
	return at <= math.MaxInt64 && ed25519.Verify(k.public, cosignedText(at, text), sig[8:])
}

// cosigner implements [note.Signer].
type cosigner struct {
	*WitnessKey
	key   ed25519.PrivateKey
	clock func() time.Time
}

// Sign implements [note.Signer].
func (c *cosigner) Sign(text []byte) ([]byte, error) {
	at := uint64(max(0, c.clock().Unix()))
	sig := binary.BigEndian.AppendUint64(make([]byte, 0, cosignatureSize), at)
	return append(sig, ed25519.Sign(c.key, cosignedText(at, text))...), nil
}

// Cosignature says when a witness saw a checkpoint as the largest of its log.
type Cosignature struct {
	Witness string    `json:"witness"`
	At      time.Time `json:"at"` // to the second
}

// Cosignatures returns which of the witnesses cosigned a note, in the note's
// order. Signatures of others are ignored; one in the name of a witness that
// is not right is an error.
func Cosignatures(msg []byte, witnesses []*WitnessKey) ([]Cosignature, error) {
	n, err := openCosigned(msg, witnesses)
	if err != nil {
		return nil, err
	}
	var list []Cosignature
	for _, s := range n.Sigs {
		raw, _ := base64.StdEncoding.DecodeString(s.Base64) // was verified
		at := binary.BigEndian.Uint64(raw[4:])
		list = append(list, Cosignature{s.Name, time.Unix(int64(at), 0).UTC()})
	}
	return list, nil
}

// openCosigned opens a note with the keys of witnesses; none of them need have
// signed it.
func openCosigned(msg []byte, witnesses []*WitnessKey) (*note.Note, error) {
	list := make([]note.Verifier, 0, len(witnesses))
	for _, w := range witnesses {
		list = append(list, w)
	}
	n, err := note.Open(msg, note.VerifierList(list...))
	var none *note.UnverifiedNoteError
	if errors.As(err, &none) {
		return none.Note, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cosignatures: %w", err)
	}
	return n, nil
}

// AddCosignatures returns a note with those of the lines, each a note's line of
// a signature, that are cosignatures of the witnesses (C2SP tlog-witness). A line
// in the name of a witness that is not right is an error, and so are lines that
// are none; those of others are dropped.
func AddCosignatures(msg, lines []byte, witnesses []*WitnessKey) ([]byte, error) {
	own, err := openCosigned(msg, nil)
	if err != nil {
		return nil, err
	}
	all, err := openCosigned(append([]byte(own.Text+"\n"), lines...), witnesses)
	switch {
	case err != nil:
		return nil, err
	case all.Text != own.Text:
		return nil, errors.New("cosignatures: there is more than lines of signatures")
	}
	replaced := func(old note.Signature) bool {
		return slices.ContainsFunc(all.Sigs, func(s note.Signature) bool {
			return s.Name == old.Name && s.Hash == old.Hash
		})
	}
	kept := slices.DeleteFunc(own.UnverifiedSigs, replaced)
	return note.Sign(&note.Note{Text: own.Text, Sigs: append(kept, all.Sigs...)})
}
