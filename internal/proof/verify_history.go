package proof

import (
	"cmp"
	"fmt"
	"path"
	"slices"

	"github.com/scaivault/audit"
)

// partPrefix is how the names of the files of an export begin.
const partPrefix = "part-"

// strangers looks for files beside the manifest that pass for files of the
// export.
func (v *exportVerifier) strangers() error {
	own := make(map[string]*ManifestFile)
	for i := range v.manifest.Files {
		f := &v.manifest.Files[i]
		own[path.Base(f.Key)] = f
		own[path.Base(decompressedName(f.Key))] = f
	}
	for _, name := range v.files.inFolder(path.Dir(v.name), partPrefix) {
		sum, err := v.files.sum(name)
		if err != nil {
			return err
		}
		if v.isListed(sum) {
			continue
		}
		f := own[path.Base(name)]
		if f == nil {
			return faultf(Tampered, name, "it is not a file of this export")
		}
		ranges, nodes := len(v.ranges), len(v.nodes)
		if err := v.content(name, f); err != nil {
			return err
		}
		v.ranges, v.nodes = v.ranges[:ranges], v.nodes[:nodes] // they were counted before
	}
	return nil
}

// whole checks that no record comes twice, and that none is missing from an
// export of everything.
func (v *exportVerifier) whole() error {
	if v.manifest.Format != audit.FormatJSONL {
		return nil
	}
	slices.SortFunc(v.ranges, func(a, b audit.IndexRange) int { return cmp.Compare(a.From, b.From) })
	end := uint64(0)
	for _, r := range v.ranges {
		if r.From < end {
			return faultf(Tampered, v.name, "index %d is in two files", r.From)
		}
		end = r.To
	}
	present := mergeRanges(slices.Clone(v.ranges))
	all := audit.IndexRange{To: v.tree.Size}
	v.report.Whole = v.tree.Size == 0 || len(present) == 1 && present[0] == all
	if v.report.Whole {
		return nil
	}
	if v.unsigned && (!v.manifest.isWhole() || len(v.manifest.Pruned) > 0) {
		return faultf(Unverifiable, v.name, "it is not signed, and it does not have every event")
	}
	if !v.manifest.isWhole() {
		return nil
	}
	end = 0
	for _, r := range mergeRanges(append(present, v.manifest.Pruned...)) {
		if r.From > end {
			break
		}
		end = max(end, r.To)
	}
	if end < v.tree.Size {
		f := faultf(Incomplete, v.name, "it is an export of everything, but the event with index %d is missing",
			end)
		f.Index = &end
		return f
	}
	v.report.Notes = append(v.report.Notes, "retention had removed events before the export was made")
	return nil
}

// history checks that the log continues the earlier checkpoint.
func (v *exportVerifier) history() error {
	old := v.against
	switch {
	case old == nil || old.Size == v.tree.Size:
		return nil
	case v.Consistency != nil:
		return consistent(v.Consistency, *old, v.tree)
	}
	slices.SortFunc(v.nodes, func(a, b node) int { return cmp.Compare(a.from, b.from) })
	root, err := climb(0, old.Size, before(v.nodes, old.Size), func(from, to uint64) (Hash, error) {
		return Hash{}, faultf(Unverifiable, "", "without the lines %d to %d it takes a consistency proof "+
			"from %d to %d (--consistency) to compare with the earlier checkpoint", from, to-1, old.Size, v.tree.Size)
	})
	if err != nil {
		return err
	}
	if root != old.Root {
		return faultf(Forked, "", "the first %d lines are not those of the earlier checkpoint", old.Size)
	}
	return nil
}

// anchored checks that the log continues the anchored checkpoints.
func (v *exportVerifier) anchored() error {
	check := anchorCheck{anchors: v.anchors}
	check.compare()
	slices.SortFunc(v.nodes, func(a, b node) int { return cmp.Compare(a.from, b.from) })
	for _, n := range v.nodes {
		if n.from != check.size || len(check.anchors) == 0 {
			break
		}
		check.addNode(n)
	}
	if check.fault != nil {
		return check.fault
	}
	for _, a := range check.anchors {
		switch {
		case a.Size < v.tree.Size:
			return faultf(Unverifiable, a.file, "it takes all lines below %d to compare with this checkpoint: "+
				"an export of everything, or the data directory", a.Size)
		case a.Root != v.tree.Root:
			return faultf(Forked, a.file, "the log had another root with the same %d lines", a.Size)
		}
	}
	return nil
}

// consistent checks a proof that a checkpoint continues an old one. The
// checkpoint in the proof does not matter: both are known.
func consistent(p *Consistency, old, now Checkpoint) error {
	if p.FromSize != old.Size || p.ToSize != now.Size {
		return faultf(Unverifiable, "", "the consistency proof is from %d to %d, it takes one from %d to %d",
			p.FromSize, p.ToSize, old.Size, now.Size)
	}
	if err := checkConsistency(old, now, p.Hashes); err != nil {
		return faultf(Forked, "", "the consistency proof does not lead from the earlier checkpoint to this one")
	}
	return nil
}

// proved returns what follows from an OK.
func (v *exportVerifier) proved() []string {
	m := v.manifest
	what := "this manifest and the tree"
	if v.unsigned {
		what = "the tree"
	}
	list := []string{fmt.Sprintf("%s signed %s of the log's first %d events.", v.report.Origin, what, v.tree.Size)}
	switch {
	case m.Format != audit.FormatJSONL:
		list = append(list, fmt.Sprintf("The %d files are those that were exported, byte for byte. That their "+
			"records are those of the log rests on the signature; only %s is tied to the tree.",
			len(m.Files), audit.FormatJSONL))
	case v.report.Whole:
		list = append(list, fmt.Sprintf("These are all %d events of the log at that size, unaltered.",
			m.RecordCount))
	default:
		list = append(list, fmt.Sprintf("Each of the %d events is in the log, unaltered. That no other event "+
			"matches the filters rests on the signature.", m.RecordCount))
	}
	if v.against != nil {
		list = append(list, fmt.Sprintf("The log continues the earlier checkpoint of %d events.", v.against.Size))
	}
	if len(v.anchors) > 0 {
		list = append(list, anchored(v.anchors))
	}
	return list
}
