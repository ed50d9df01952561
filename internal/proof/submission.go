package proof

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Submission asks a witness for its cosignature: a signed checkpoint, and the
// proof that it continues the one of the size Old, which the witness has. It is
// the body of add-checkpoint (C2SP tlog-witness).
type Submission struct {
	Old        uint64 // 0 if the witness has none
	Hashes     []Hash // none if Old is 0 or the checkpoint's size
	Checkpoint []byte // the signed note
}

// MaxSubmission is how many bytes a submission has at most: 63 hashes and a
// note with a hundred signatures are a third of it.
const MaxSubmission = 64 << 10

const maxSubmissionHashes = 63

// Text returns the submission as it is sent.
func (s *Submission) Text() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "old %d\n", s.Old)
	for _, h := range s.Hashes {
		fmt.Fprintf(&b, "%s\n", h)
	}
	b.WriteByte('\n')
	b.Write(s.Checkpoint)
	return []byte(b.String())
}

var errSubmission = errors.New("it is not a submission: want a line with the old size, hashes, an empty line and a checkpoint")

// ParseSubmission reads what [Submission.Text] returns, and nothing else.
// Whether the checkpoint is one is not looked at.
func ParseSubmission(text []byte) (*Submission, error) {
	head, note, ok := strings.Cut(string(text), "\n\n")
	lines := strings.Split(head, "\n")
	size, isOld := strings.CutPrefix(lines[0], "old ")
	if !ok || !isOld || len(text) > MaxSubmission || len(lines) > 1+maxSubmissionHashes {
		return nil, errSubmission
	}
	old, err := strconv.ParseUint(size, 10, 64)
	if err != nil || strconv.FormatUint(old, 10) != size {
		return nil, errSubmission
	}
	s := &Submission{Old: old, Checkpoint: []byte(note)}
	for _, line := range lines[1:] {
		h, err := parseHash(line)
		if err != nil {
			return nil, errSubmission
		}
		s.Hashes = append(s.Hashes, h)
	}
	return s, nil
}
