package proof

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/scaivault/audit"
)

// Subject is whose trail something is about: a secret by its path or an
// identity by its id. The other one is "".
type Subject struct {
	SecretPath audit.Path       `json:"secret_path,omitempty"`
	IdentityID audit.IdentityID `json:"identity_id,omitempty"`
}

// key is where the trail of the subject stands in the map of a range.
func (s Subject) key() Hash {
	if s.SecretPath != "" {
		return sha256.Sum256([]byte("secret_path\x00" + string(s.SecretPath)))
	}
	return sha256.Sum256([]byte("identity_id\x00" + string(s.IdentityID)))
}

// has reports whether the event is one of the subject's trail.
func (s Subject) has(e *audit.Event) bool {
	if s.SecretPath != "" {
		return e.SecretPath == s.SecretPath
	}
	return e.IdentityID == s.IdentityID
}

// String names the subject for people.
func (s Subject) String() string {
	if s.SecretPath != "" {
		return "the secret " + string(s.SecretPath)
	}
	return "the identity " + string(s.IdentityID)
}

// trailEntry is one trail within a range: whose, how many events, and what
// commits to them.
type trailEntry struct {
	key   Hash
	value Hash
	count uint64
}

// chain commits to the events of a trail within a range, in their order. The
// zero value is that of none.
type chain struct {
	hash  Hash
	count uint64 // events
}

// Domains of what is hashed, behind 0 and 1 of the tree.
const (
	domainLink  = 2
	domainValue = 3
)

// link appends what has the number: an event with its index and leaf hash, or a
// smaller range with its number and the trail's value in it.
func (c *chain) link(number uint64, hash *Hash, events uint64) {
	var b [1 + 32 + 8 + 32]byte
	b[0] = domainLink
	copy(b[1:], c.hash[:])
	binary.BigEndian.PutUint64(b[33:], number)
	copy(b[41:], hash[:])
	c.hash = sha256.Sum256(b[:])
	c.count += events
}

// value is what stands for the trail in the map of its range.
func (c *chain) value() Hash {
	var b [1 + 8 + 32]byte
	b[0] = domainValue
	binary.BigEndian.PutUint64(b[1:], c.count)
	copy(b[9:], c.hash[:])
	return sha256.Sum256(b[:])
}

// errLine says that a line is not the canonical one of an event.
var errLine = errors.New("it is not the line of an event")

var (
	identityMember = []byte(`,"identity_id":"`)
	pathMember     = []byte(`,"secret_path":`)
	absent         = []byte("null,")
)

// namesIn returns the strings of a canonical line that name its subjects, as they
// are written there, without quotes; hasPath is false if the path is null. What
// stands before them has no quotes or escapes inside strings.
func namesIn(line []byte) (identity, path []byte, hasPath bool, err error) {
	i := bytes.Index(line, identityMember)
	if i < 0 {
		return nil, nil, false, errLine
	}
	identity, line = cutString(line[i+len(identityMember):])
	line, ok := bytes.CutPrefix(line, pathMember)
	switch {
	case identity == nil || !ok:
		return nil, nil, false, errLine
	case bytes.HasPrefix(line, absent):
		return identity, nil, false, nil
	case len(line) == 0 || line[0] != '"':
		return nil, nil, false, errLine
	}
	if path, _ = cutString(line[1:]); path == nil {
		return nil, nil, false, errLine
	}
	return identity, path, true, nil
}

// cutString returns the rest of a JSON string, whose quote was read, and what
// follows its end; nil if it has none.
func cutString(text []byte) (s, rest []byte) {
	for i := 0; ; {
		n := bytes.IndexByte(text[i:], '"')
		if n < 0 {
			return nil, nil
		}
		i += n
		escapes := 0
		for escapes < i && text[i-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return text[:i:i], text[i+1:]
		}
		i++
	}
}

// unescape returns what a JSON string without its quotes stands for.
func unescape(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var text string
	if err := json.Unmarshal([]byte(`"`+s+`"`), &text); err != nil {
		return "", fmt.Errorf("%w: %w", errLine, err)
	}
	return text, nil
}
