package proof

import "fmt"

// Verdict is what verification finds.
type Verdict string

// The verdicts.
const (
	OK           Verdict = "ok"
	Tampered     Verdict = "tampered"     // something is not what was signed
	Unverifiable Verdict = "unverifiable" // evidence or a key is missing: nothing can be said
	RolledBack   Verdict = "rollback"     // the log is shorter than it was
	Forked       Verdict = "fork"         // the log has another history than it had
	Incomplete   Verdict = "incomplete"   // something is missing, what is there is right
)

// ExitCode returns the verdict as the exit code of a command.
func (v Verdict) ExitCode() int {
	switch v {
	case OK:
		return 0
	case Tampered:
		return 10
	case RolledBack, Forked:
		return 12
	case Incomplete:
		return 13
	default:
		return 11
	}
}

// Fault is the first thing that is wrong.
type Fault struct {
	Verdict Verdict `json:"-"`
	File    string  `json:"file"`             // "" if it is none of a single file
	Line    uint64  `json:"line,omitempty"`   // from 1; 0 if it is none of a line
	Offset  int64   `json:"offset,omitempty"` // of that line in bytes, uncompressed
	Index   *uint64 `json:"index,omitempty"`  // of the event in the log, if it is known
	Message string  `json:"message"`
}

// Error returns place and message.
func (f *Fault) Error() string {
	switch {
	case f.Line > 0:
		return fmt.Sprintf("%s: line %d, at byte %d: %s", f.File, f.Line, f.Offset, f.Message)
	case f.File != "":
		return f.File + ": " + f.Message
	default:
		return f.Message
	}
}

func faultf(v Verdict, file, format string, args ...any) *Fault {
	return &Fault{Verdict: v, File: file, Message: fmt.Sprintf(format, args...)}
}

// Report is the result of a verification.
type Report struct {
	Verdict Verdict `json:"verdict"`
	Fault   *Fault  `json:"fault"`  // nil if the verdict is OK
	Origin  string  `json:"origin"` // of the log, once its signature was verified
	Size    uint64  `json:"size"`   // of the tree, from the checkpoint
	Root    string  `json:"root"`   // of the tree, in base64
	Files   int     `json:"files"`  // that were verified
	Records uint64  `json:"records"`
	// Whole says that every index below Size was there.
	Whole bool `json:"whole"`
	// Proved says in sentences what follows from an OK, Notes what one may want
	// to know beside.
	Proved []string `json:"proved"`
	Notes  []string `json:"notes,omitempty"`
}
