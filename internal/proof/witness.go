package proof

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/scaivault/audit/internal/vfs"
)

// What a witness refuses to cosign.
var (
	// ErrUnknownLog says that the witness does not know the log of a checkpoint.
	ErrUnknownLog = errors.New("the witness does not know this log")
	// ErrUnsigned says that none of the log's keys signed a checkpoint.
	ErrUnsigned = errors.New("none of the keys of this log signed it")
	// ErrInconsistent says that a checkpoint is signed by the log, but the proof
	// does not lead to it from the one that the witness saw before.
	ErrInconsistent = errors.New("the proof does not lead from the checkpoint that the witness saw to this one")
	// ErrSubmission says that a submission contradicts itself.
	ErrSubmission = errors.New("the old size is larger than the checkpoint's")
)

// StaleError says that a submission does not begin where the witness is.
type StaleError struct {
	Size uint64 // of the latest checkpoint that the witness cosigned, 0 if there is none
}

// Error names the size.
func (e *StaleError) Error() string { return fmt.Sprintf("the witness saw %d lines last", e.Size) }

// WitnessOptions are what a [Witness] works with. Clock is required.
type WitnessOptions struct {
	// Name goes into every cosignature, as "witness.example.com/w1"; it is needed
	// when the witness begins, and may be "" later.
	Name  string
	Clock func() time.Time
	// Logs are the keys of the logs that it knows, by origin.
	Logs map[string]note.Verifiers
}

// Witness remembers the largest checkpoint that it saw of each of some logs, and
// cosigns those that continue it. What it remembers is on the disk before
// anybody has the cosignature, and never goes back. It is safe for concurrent
// use; of a directory there is one at a time.
type Witness struct {
	WitnessOptions
	fs     vfs.FS
	dir    string
	signer *cosigner
	lock   io.Closer

	logs map[string]*watchedLog // by origin
}

// watchedLog is one log of a witness.
type watchedLog struct {
	origin string
	keys   note.Verifiers
	dir    string

	mu     sync.Mutex // guards the following; held during I/O
	loaded bool       // last is what is on disk
	last   *signed    // with the cosignature; nil if nothing was seen
}

const (
	witnessLogs   = "logs"
	witnessLock   = "LOCK"
	alarmPrefix   = "alarm-"
	maxAlarms     = 100 // of a log, that are kept
	maxCheckpoint = MaxSubmission
)

// OpenWitness opens the witness in dir, and makes its key when there is none.
// What it remembers of each log is read: if that is damaged, of another log, or
// was not cosigned by this witness, the error says so, and the log is not taken
// as one that was never seen.
func OpenWitness(fsys vfs.FS, dir string, o WitnessOptions) (*Witness, error) {
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("open witness: %w", err)
	}
	lock, err := fsys.Lock(filepath.Join(dir, witnessLock))
	if err != nil {
		return nil, fmt.Errorf("open witness: %w", err)
	}
	w := &Witness{WitnessOptions: o, fs: fsys, dir: dir, lock: lock, logs: make(map[string]*watchedLog)}
	if err := w.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open witness: %w", err), lock.Close())
	}
	return w, nil
}

func (w *Witness) open() (err error) {
	if w.signer, err = openCosigner(w.fs, w.dir, w.WitnessOptions.Name, w.Clock); err != nil {
		return err
	}
	for origin, keys := range w.Logs {
		if !isKeyName(origin) {
			return fmt.Errorf("origin %q: want 1 to %d bytes without space and '+'", origin, maxKeyName)
		}
		l := &watchedLog{origin: origin, keys: keys, dir: filepath.Join(w.dir, witnessLogs, OriginHash(origin))}
		if err := w.load(l); err != nil {
			return err
		}
		w.logs[origin] = l
	}
	return nil
}

// Close lets another process be the witness.
func (w *Witness) Close() error { return w.lock.Close() }

// Key returns the key that verifies what the witness cosigns.
func (w *Witness) Key() *WitnessKey { return w.signer.WitnessKey }

// OriginHash returns the hex SHA-256 of an origin: how the URL of what a
// witness saw names a log, and its directory too (C2SP tlog-witness).
func OriginHash(origin string) string {
	sum := sha256.Sum256([]byte(origin))
	return hex.EncodeToString(sum[:])
}

// load reads what was seen of a log, unless it is known.
func (w *Witness) load(l *watchedLog) error {
	if l.loaded {
		return nil
	}
	msg, err := vfs.ReadFile(w.fs, l.file())
	if errors.Is(err, fs.ErrNotExist) {
		l.last, l.loaded = nil, true
		return nil
	}
	if err != nil {
		return fmt.Errorf("what was seen of %s: %w", l.origin, err)
	}
	n, err := note.Open(msg, note.VerifierList(w.signer.WitnessKey))
	if err != nil {
		return fmt.Errorf("what was seen of %s: this witness did not cosign it: %w", l.origin, err)
	}
	c, err := ParseCheckpoint(n.Text)
	if err == nil && c.Origin != l.origin {
		err = fmt.Errorf("it is of %q", c.Origin)
	}
	if err != nil {
		return fmt.Errorf("what was seen of %s: %w", l.origin, err)
	}
	l.last, l.loaded = &signed{c, msg}, true
	return nil
}

func (l *watchedLog) file() string { return filepath.Join(l.dir, checkpointName) }

// Latest returns the largest checkpoint that the witness saw of a log, and its
// note with the witness's cosignature; false if it saw none, or does not know
// the log.
func (w *Witness) Latest(origin string) (Checkpoint, []byte, bool) {
	l := w.logs[origin]
	if l == nil {
		return Checkpoint{}, nil, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == nil {
		return Checkpoint{}, nil, false
	}
	return l.last.Checkpoint, l.last.note, true
}

// Add takes a checkpoint as the largest one of its log, and returns the line of
// its cosignature. What is wrong with the submission is one of the errors above,
// or [ErrFork] for another root of the size that was seen. Of checkpoints that
// the log signed and that do not continue what was seen the note is kept.
func (w *Witness) Add(s *Submission) (line []byte, err error) {
	origin, _, _ := strings.Cut(string(s.Checkpoint), "\n")
	l := w.logs[origin]
	if l == nil {
		return nil, ErrUnknownLog
	}
	if len(s.Checkpoint) > maxCheckpoint {
		return nil, fmt.Errorf("%w: it has more than %d bytes", ErrUnsigned, maxCheckpoint)
	}
	c, err := OpenCheckpoint(s.Checkpoint, l.keys)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsigned, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := w.load(l); err != nil {
		return nil, err
	}
	if err := l.continues(c, s); err != nil {
		if errors.Is(err, ErrFork) || errors.Is(err, ErrInconsistent) {
			err = errors.Join(err, w.keepAlarm(l, c, s.Checkpoint))
		}
		return nil, fmt.Errorf("%s: %w", origin, err)
	}
	return w.cosign(l, c, s.Checkpoint)
}

// continues checks that a checkpoint continues the one that was seen.
func (l *watchedLog) continues(c Checkpoint, s *Submission) error {
	seen := Checkpoint{Origin: l.origin, Root: emptyRoot()}
	if l.last != nil {
		seen = l.last.Checkpoint
	}
	switch {
	case s.Old > c.Size:
		return ErrSubmission
	case c.Size == seen.Size && c.Root != seen.Root:
		return fmt.Errorf("%w: it has another root with the same %d lines", ErrFork, c.Size)
	case s.Old != seen.Size:
		return &StaleError{seen.Size}
	}
	if err := checkConsistency(seen, c, s.Hashes); err != nil {
		return fmt.Errorf("%w, from %d to %d lines", ErrInconsistent, seen.Size, c.Size)
	}
	return nil
}

// cosign makes a checkpoint the one that was seen. A crash before it is durable
// leaves the one before, and nobody has the new cosignature. The same once more
// costs no write, as anybody may send it.
func (w *Witness) cosign(l *watchedLog, c Checkpoint, msg []byte) ([]byte, error) {
	n, err := note.Open(msg, l.keys)
	if err != nil {
		return nil, err
	}
	next, err := note.Sign(&note.Note{Text: n.Text, Sigs: n.Sigs}, w.signer)
	if err != nil {
		return nil, fmt.Errorf("cosign as %s: %w", w.signer.name, err)
	}
	if l.last == nil || !strings.HasPrefix(string(l.last.note), n.Text+"\n") {
		err = w.fs.MkdirAll(l.dir)
		if err == nil {
			err = vfs.WriteFile(w.fs, l.file(), next)
		}
		if err != nil {
			l.loaded = false // it may be either
			return nil, fmt.Errorf("write what was seen of %s: %w", l.origin, err)
		}
		l.last = &signed{c, next}
	}
	lines := bytes.SplitAfter(next, []byte("\n"))
	return lines[len(lines)-2], nil // the last one is empty
}

// keepAlarm keeps the note of a checkpoint that does not continue what was seen:
// the log signed it, so of the same size they prove what it did together. A larger
// one may only have come with a wrong proof. Of many a hundred are kept.
func (w *Witness) keepAlarm(l *watchedLog, c Checkpoint, msg []byte) error {
	if err := w.fs.MkdirAll(l.dir); err != nil {
		return fmt.Errorf("keep the note: %w", err)
	}
	names, err := w.fs.List(l.dir)
	if err != nil {
		return fmt.Errorf("keep the note: %w", err)
	}
	kept := 0
	for _, name := range names {
		if strings.HasPrefix(name, alarmPrefix) {
			kept++
		}
	}
	if kept >= maxAlarms {
		return nil
	}
	name := fmt.Sprintf("%s%020d-%x", alarmPrefix, c.Size, c.Root[:8])
	err = vfs.WriteNew(w.fs, filepath.Join(l.dir, name), msg)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("keep the note: %w", err)
	}
	return nil
}
