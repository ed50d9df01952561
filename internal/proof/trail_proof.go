package proof

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/scaivault/audit"
)

// TrailProof proves that a trail has no event missing: of a secret or an
// identity, up to an index. It is the answer of the API, and verified by
// [VerifyTrail] with nothing but the public key.
type TrailProof struct {
	Format int            `json:"format"`
	Tenant audit.TenantID `json:"tenant_id"`
	Subject
	Checkpoint string `json:"checkpoint"` // the signed note
	// CompleteTo is the first index that nothing is said about.
	CompleteTo uint64 `json:"complete_to"`
	// Ranges follow each other from index 0 on.
	Ranges []TrailRange `json:"ranges"`
	// Open are all events behind the ranges, whosever they are, up to the size of
	// the checkpoint; null if they are not shown.
	Open []audit.Event `json:"open"`
	// Hashes prove the events that seal the ranges, and those of Open, to be in
	// the tree of the checkpoint ([Tree.MultiProof]).
	Hashes []Hash `json:"hashes"`
}

// TrailRange is a trail within one range.
type TrailRange struct {
	Seal TrailEvent `json:"seal"` // that commits to all trails of the range
	// Count and Chain are what the range has of the trail, 0 and null for nothing.
	Count uint64 `json:"count"`
	Chain *Hash  `json:"chain"`
	// Neighbour is what stands in the place of a trail that the range does not
	// have; null for nothing.
	Neighbour *TrailNeighbour `json:"neighbour,omitempty"`
	Path      []Hash          `json:"path"` // beside the way to that place, from the root
	Events    []TrailEvent    `json:"events"`
}

// TrailEvent is an event with its index.
type TrailEvent struct {
	Index uint64      `json:"index"`
	Event audit.Event `json:"event"`
}

// TrailNeighbour is the trail of somebody else, of whom it tells a hash only.
type TrailNeighbour struct {
	Key   Hash `json:"key"`
	Value Hash `json:"value"`
}

const (
	trailFormat = 1
	// MaxTrailEvents is the largest number of events of a trail that is proved.
	MaxTrailEvents = 100_000
	// maxOpen bounds the text of the events behind the ranges, in bytes.
	maxOpen = 128 << 20
)

// TrailRequest is what the proof of a trail is made of.
type TrailRequest struct {
	Subject
	// Seals are the events that seal ranges, in any order.
	Seals []Seal
	// Events are those of the subject, by index; at least all in sealed ranges.
	Events []TrailEvent
	// Sealed withholds the events behind the ranges: whoever asks may not see them.
	Sealed bool
}

// ProveTrail proves a trail to be complete, as of the last checkpoint. It is
// [audit.CodeDataDamaged] if the events are not those that were sealed.
func (n *Notary) ProveTrail(ctx context.Context, tenant audit.TenantID, q *TrailRequest) (*TrailProof, error) {
	last, msg, err := n.Latest(tenant)
	if err != nil {
		return nil, err
	}
	tree, err := n.tree(ctx, tenant, last.Size)
	if err != nil {
		return nil, err
	}
	p := &TrailProof{Format: trailFormat, Tenant: tenant, Subject: q.Subject, Checkpoint: string(msg),
		Ranges: []TrailRange{}, Hashes: []Hash{}}
	for _, s := range tile(q.Seals, last.Size) {
		r, err := n.proveRange(ctx, tenant, q, &s)
		if err != nil {
			return nil, err
		}
		p.Ranges, p.CompleteTo = append(p.Ranges, r), s.Ends()
	}
	sealed, open := p.CompleteTo, []node(nil)
	if !q.Sealed {
		if open, err = n.showOpen(ctx, tenant, p, last.Size); err != nil {
			return nil, err
		}
	}
	_, hashes, err := tree.siblings(ctx, last.Size, p.sealNodes(sealed, open))
	p.Hashes = append(p.Hashes, hashes...)
	return p, err
}

// sealNodes returns the nodes of the open events together with those of the
// events that seal ranges and are not among them.
func (p *TrailProof) sealNodes(sealed uint64, open []node) []node {
	for i := range p.Ranges {
		if e := &p.Ranges[i].Seal; p.Open == nil || e.Index < sealed {
			open = append(open, node{e.Index, e.Index + 1, tlog.RecordHash(e.Event.AppendLine(nil))})
		}
	}
	return open
}

// tile returns ranges that follow each other from index 0 on, whose events are
// below the size: as few as there are.
func tile(seals []Seal, size uint64) []Seal {
	widest := make(map[uint64]Seal) // by their first index
	for _, s := range seals {
		from, to := s.Shape.bounds(s.Range)
		if had, ok := widest[from]; s.Index < size && (!ok || had.Ends() < to) {
			widest[from] = s
		}
	}
	var tiles []Seal
	for end := uint64(0); ; {
		s, ok := widest[end]
		if !ok {
			return tiles
		}
		tiles, end = append(tiles, s), s.Ends()
	}
}

// proveRange proves what a range has of the trail.
func (n *Notary) proveRange(ctx context.Context, tenant audit.TenantID, q *TrailRequest,
	s *Seal) (TrailRange, error) {
	from, to := s.Shape.bounds(s.Range)
	events := eventsIn(q.Events, from, to)
	r := TrailRange{Seal: TrailEvent{s.Index, s.Event}, Events: append([]TrailEvent{}, events...)}
	entries, err := n.committed(ctx, tenant, s)
	if err != nil {
		return r, err
	}
	found, path := mapPath(entries, q.key())
	r.Path = append([]Hash{}, path...)
	own := chainOf(s, events)
	switch {
	case found != nil && found.key == q.key() && found.value == own.value():
		r.Count, r.Chain = own.count, &own.hash
	case found != nil && found.key == q.key() || len(events) > 0:
		return r, errRangeEvents(from, to)
	case found != nil:
		r.Neighbour = &TrailNeighbour{found.key, found.value}
	}
	return r, nil
}

// eventsIn returns the events with an index from ≤ index < to.
func eventsIn(events []TrailEvent, from, to uint64) []TrailEvent {
	at := func(index uint64) int {
		i, _ := slices.BinarySearchFunc(events, index, func(e TrailEvent, index uint64) int {
			return cmp.Compare(e.Index, index)
		})
		return i
	}
	return events[at(from):at(to)]
}

func errRangeEvents(from, to uint64) error {
	return &audit.Error{Code: audit.CodeDataDamaged,
		Message: fmt.Sprintf("the events %d to %d are not those that were sealed", from, to-1),
		Damaged: []audit.IndexRange{{From: from, To: to}}}
}

// committed returns the trails of a range as its event commits to them.
func (n *Notary) committed(ctx context.Context, tenant audit.TenantID, s *Seal) ([]trailEntry, error) {
	from, to := s.Shape.bounds(s.Range)
	if s.Shape != n.Ranges {
		return nil, fmt.Errorf("range %d to %d of %s: it has another shape than ranges have here", from, to, tenant)
	}
	entries, err := readRange(n.fs, tenantDir(n.dir, tenant), tenant, s.Range)
	if err == nil && mapRoot(entries, 0) == s.Root {
		return entries, nil
	}
	if entries, err = n.recompute(ctx, tenant, s.Range); err != nil {
		return nil, err
	}
	if mapRoot(entries, 0) != s.Root {
		return nil, errRangeEvents(from, to)
	}
	return entries, nil
}

// chainOf commits to events as a range does: a large one to what each of the
// smaller ones in it has.
func chainOf(s *Seal, events []TrailEvent) *chain { return chainAt(s.Shape, s.Level, events) }

func chainAt(shape RangeShape, level int, events []TrailEvent) *chain {
	c := new(chain)
	if level == 0 {
		var line []byte
		for i := range events {
			line = events[i].Event.AppendLine(line[:0])
			leaf := tlog.RecordHash(line)
			c.link(events[i].Index, &leaf, 1)
		}
		return c
	}
	width := shape.width(level - 1)
	for len(events) > 0 {
		number := events[0].Index / width
		end := slices.IndexFunc(events, func(e TrailEvent) bool { return e.Index/width != number })
		if end < 0 {
			end = len(events)
		}
		part := chainAt(shape, level-1, events[:end])
		value := part.value()
		c.link(number, &value, part.count)
		events = events[end:]
	}
	return c
}

// showOpen shows the events behind the ranges, unless they are too much, and
// returns their nodes.
func (n *Notary) showOpen(ctx context.Context, tenant audit.TenantID, p *TrailProof, size uint64) ([]node, error) {
	index, text := p.CompleteTo, 0
	open := make([]audit.Event, 0, min(size-index, 2*n.Ranges.Base))
	var fold folder
	for line, err := range n.Log.Lines(ctx, tenant, index, size) {
		if err != nil {
			return nil, err
		}
		if text += len(line); text > maxOpen {
			return nil, nil // there will be ranges of them
		}
		e, err := audit.DecodeEvent(string(line))
		if err != nil {
			return nil, fmt.Errorf("index %d: %w", index, err)
		}
		open = append(open, e)
		fold.add(index, tlog.RecordHash(line))
		index++
	}
	if index != size {
		return nil, fmt.Errorf("the log yields the lines up to %d only", index)
	}
	p.Open, p.CompleteTo = open, size
	return fold.nodes, nil
}

// Events returns how many events the trail has.
func (p *TrailProof) Events() int {
	n := 0
	for i := range p.Ranges {
		n += len(p.Ranges[i].Events)
	}
	for i := range p.Open {
		if p.has(&p.Open[i]) {
			n++
		}
	}
	return n
}
