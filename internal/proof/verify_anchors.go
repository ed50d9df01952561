package proof

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/scaivault/audit/internal/vfs"
)

// openAnchors reads the anchored checkpoints, and the one that is kept as
// cosigned if witnesses are asked for: the log must continue that one too.
func (v *logVerifier) openAnchors() error {
	var err error
	if v.anchors, err = openAnchors(v.VerifyOptions, v.tree.Origin); err != nil {
		return err
	}
	all := slices.Clone(v.anchors)
	if v.Witnesses != nil {
		if all, err = v.openCosigned(all); err != nil {
			return err
		}
	}
	for _, a := range all {
		if a.Size > v.tree.Size {
			return faultf(RolledBack, a.file, "the log had %d lines and has %d", a.Size, v.tree.Size)
		}
	}
	slices.SortStableFunc(all, func(a, b anchor) int { return cmp.Compare(a.Size, b.Size) })
	v.check.anchors = all
	v.check.compare() // with those of the log without lines
	return nil
}

// openCosigned adds the checkpoint that is kept as cosigned, if there is one.
func (v *logVerifier) openCosigned(list []anchor) ([]anchor, error) {
	name := filepath.Join(v.dir, witnessedName)
	msg, err := vfs.ReadFile(v.fs, name)
	if errors.Is(err, fs.ErrNotExist) {
		return list, nil
	}
	if err != nil {
		return nil, err
	}
	c, err := OpenCheckpoint(msg, v.Keys)
	if err != nil {
		return nil, noteFault(name, err)
	}
	if c.Origin != v.tree.Origin {
		return nil, faultf(Tampered, name, "it is one of %q", c.Origin)
	}
	v.cosigned = msg
	return append(list, anchor{c, name}), nil
}

// history concludes what was compared with earlier checkpoints.
func (v *logVerifier) history() error {
	if v.check.fault != nil {
		return v.check.fault
	}
	if len(v.anchors) > 0 {
		v.report.Proved = append(v.report.Proved, anchored(v.anchors))
	}
	seen, err := witnessed(v.VerifyOptions, v.cosigned, v.Against)
	v.report.Proved = append(v.report.Proved, seen...)
	return err
}

// witnessed checks that each of the witnesses cosigned one of the notes, each nil
// or that of a checkpoint that was compared with the log, and says so.
func witnessed(o VerifyOptions, notes ...[]byte) (proved []string, err error) {
	for _, w := range o.Witnesses {
		line := ""
		for _, msg := range notes {
			if msg == nil || line != "" {
				continue
			}
			list, err := Cosignatures(msg, []*WitnessKey{w})
			if err != nil {
				return nil, faultf(Tampered, "", "the cosignature of %s: %v", w.name, err)
			}
			if len(list) > 0 {
				_, rest, _ := strings.Cut(string(msg), "\n")
				size, _, _ := strings.Cut(rest, "\n")
				line = fmt.Sprintf("%s saw the log with %s events on %s.", w.name, size,
					list[0].At.Format("2006-01-02 at 15:04:05 UTC"))
			}
		}
		if line == "" {
			return nil, faultf(Unverifiable, "", "%s, a witness, cosigned none of the checkpoints at hand", w.name)
		}
		proved = append(proved, line)
	}
	return proved, nil
}
