package proof

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Anchor returns what is put of a signed checkpoint where it is never replaced:
// its note with the signature of the log alone, and below a prefix its name, the
// origin, the size in 20 digits, and the id of the key in hex. One key makes one
// note of a size, as Ed25519 has no choice; another note under that name is
// another history.
func Anchor(c Checkpoint, msg []byte) (name string, data []byte, err error) {
	n, err := openCosigned(msg, nil)
	if err != nil {
		return "", nil, err
	}
	for _, s := range n.UnverifiedSigs {
		if s.Name == c.Origin {
			data, err = note.Sign(&note.Note{Text: n.Text, Sigs: []note.Signature{s}})
			return fmt.Sprintf("%s/%020d-%08x", c.Origin, c.Size, s.Hash), data, err
		}
	}
	return "", nil, fmt.Errorf("checkpoint of %q: it is not signed", c.Origin)
}

// anchorBase is the last part of such a name.
var anchorBase = regexp.MustCompile(`^([0-9]{20})-[0-9a-f]{8}$`)

// anchor is a checkpoint from earlier, and the file that it is from.
type anchor struct {
	Checkpoint
	file string
}

// readAnchors returns the signed checkpoints of a log among the files of a
// folder, by size. What has the name of an anchor must be one; of other files
// those of this log count.
func readAnchors(fsys fs.FS, origin string, keys note.Verifiers) ([]anchor, error) {
	files, err := findFiles(fsys)
	if err != nil {
		return nil, err
	}
	var list []anchor
	for name := range files.size {
		named := anchorBase.FindStringSubmatch(path.Base(name))
		if named == nil && files.size[name] > maxNote {
			continue
		}
		msg, err := readLimited(fsys, name, maxNote)
		if err != nil {
			return nil, missing(err, Unverifiable, name)
		}
		first, _, _ := strings.Cut(string(msg), "\n")
		if first != origin {
			if named != nil && strings.HasSuffix(path.Dir("/"+name), "/"+origin) {
				return nil, faultf(Tampered, name, "it is no checkpoint of %q", origin)
			}
			continue
		}
		c, err := OpenCheckpoint(msg, keys)
		if err != nil {
			return nil, noteFault(name, err)
		}
		if named != nil && named[1] != fmt.Sprintf("%020s", strconv.FormatUint(c.Size, 10)) {
			return nil, faultf(Tampered, name, "it is a checkpoint of %d lines", c.Size)
		}
		list = append(list, anchor{c, name})
	}
	slices.SortFunc(list, func(a, b anchor) int {
		return cmp.Or(cmp.Compare(a.Size, b.Size), cmp.Compare(a.file, b.file))
	})
	if len(list) == 0 {
		return nil, faultf(Unverifiable, "", "there is no checkpoint of %q among the anchors", origin)
	}
	return list, nil
}

// openAnchors reads the anchors that are asked for, if any.
func openAnchors(o VerifyOptions, origin string) ([]anchor, error) {
	if o.Anchors == nil {
		return nil, nil
	}
	list, err := readAnchors(o.Anchors, origin, o.Keys)
	var f *Fault
	if err != nil && !errors.As(err, &f) {
		err = fmt.Errorf("anchors: %w", err)
	}
	return list, err
}

// anchored says what was compared.
func anchored(list []anchor) string {
	return fmt.Sprintf("The log continues all %d anchored checkpoints, the newest of %d events.",
		len(list), list[len(list)-1].Size)
}
