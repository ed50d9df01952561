package proof

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Checkpoint is what a log was at one time: its first Size lines have the tree
// with that root (C2SP tlog-checkpoint).
type Checkpoint struct {
	Origin string // which log: the name of the server, '/' and the tenant
	Size   uint64
	Root   Hash
}

// Text returns the text that is signed: three lines.
func (c Checkpoint) Text() string { return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, c.Root) }

// errCheckpoint is the error of a text that is not a checkpoint's.
var errCheckpoint = errors.New("it is not a checkpoint: want lines with origin, size and root")

// ParseCheckpoint reads the text of a checkpoint strictly, so that no two texts
// mean the same. Extension lines may follow the three; they are ignored.
func ParseCheckpoint(text string) (Checkpoint, error) {
	text, ok := strings.CutSuffix(text, "\n")
	lines := strings.SplitN(text, "\n", 4)
	if !ok || len(lines) < 3 || lines[0] == "" {
		return Checkpoint{}, errCheckpoint
	}
	if len(lines) == 4 && (strings.HasPrefix(lines[3], "\n") || strings.HasSuffix(lines[3], "\n") ||
		lines[3] == "" || strings.Contains(lines[3], "\n\n")) {
		return Checkpoint{}, errCheckpoint
	}
	c := Checkpoint{Origin: lines[0]}
	var err error
	c.Size, err = strconv.ParseUint(lines[1], 10, 64)
	if err != nil || strconv.FormatUint(c.Size, 10) != lines[1] || c.Size > MaxSize {
		return Checkpoint{}, errCheckpoint
	}
	if c.Root, err = parseHash(lines[2]); err != nil {
		return Checkpoint{}, errCheckpoint
	}
	return c, nil
}

// OpenCheckpoint returns the checkpoint in a signed note if one of the keys, of
// the name that is its origin, signed it. [note.UnverifiedNoteError] says that
// none of them is known, [note.InvalidSignatureError] that one did not sign
// this text.
func OpenCheckpoint(msg []byte, keys note.Verifiers) (Checkpoint, error) {
	n, err := note.Open(msg, keys)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w", err)
	}
	c, err := ParseCheckpoint(n.Text)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint: %w", err)
	}
	for _, s := range n.Sigs {
		if s.Name == c.Origin {
			return c, nil
		}
	}
	return Checkpoint{}, fmt.Errorf("checkpoint of %q: %w", c.Origin, &note.UnverifiedNoteError{Note: n})
}

// sign returns the signed note of a text.
func sign(text string, s note.Signer) ([]byte, error) {
	msg, err := note.Sign(&note.Note{Text: text}, s)
	if err != nil {
		return nil, fmt.Errorf("sign as %s: %w", s.Name(), err)
	}
	return msg, nil
}
