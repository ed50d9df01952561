package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/scaivault/audit"
)

// rotations finds when anyone last gave secrets a new value.
type rotations struct {
	paths []string
	last  []audit.Time // noTime if never, as far as is known
	of    []int32      // by code of the present part: 1 + the secret, 0 for none
}

// rotated returns when anyone last gave each of the secrets a new value, nil if
// never, in a log of the size.
func (l *tenantLog) rotated(ctx context.Context, paths []string, size uint64) (_ []*audit.Time, err error) {
	success := true
	v := l.read(&audit.Filter{Success: &success,
		Actions: []audit.Action{audit.ActionRotate, audit.ActionWrite}}, size)
	defer v.end(&err)
	if err := v.intact(); err != nil {
		return nil, err
	}
	r := rotations{paths: paths, last: make([]audit.Time, len(paths))}
	for i := range r.last {
		r.last[i] = noTime
	}
	// The part that ends last first: mostly it is the only one to be read.
	slices.SortStableFunc(v.parts, func(a, b *plan) int { return cmp.Compare(b.most, a.most) })
	for _, p := range v.parts {
		if err := r.part(ctx, p); err != nil {
			return nil, err
		}
	}
	times := make([]*audit.Time, len(paths))
	for i, t := range r.last {
		if t != noTime {
			times[i] = &t
		}
	}
	return times, nil
}

// part reads the rows of a part, the last ones first, until there is nothing
// later to be found.
func (r *rotations) part(ctx context.Context, p *plan) error {
	dict, err := p.dictionary(colPath)
	if err != nil {
		return err
	}
	var due []uint32 // codes
	r.of = make([]int32, dict.len())
	for i, path := range r.paths {
		if r.last[i] >= p.most {
			continue
		}
		if code, ok := dict.find(path); ok && int(code) < len(r.of) {
			r.of[code] = int32(i) + 1
			due = append(due, code)
		}
	}
	// A single secret is looked for before the actions, several after them.
	if err := cmp.Or(p.admitEach(colPath, due), p.prepare()); err != nil {
		return err
	}
	for n, left := p.blocks()-1, len(due); n >= 0 && left > 0; n-- {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, rows, err := p.selected(n)
		if err != nil {
			return err
		}
		for _, row := range slices.Backward(rows) {
			code := b.code(colPath, int(row))
			if int(code) >= len(r.of) || r.of[code] == 0 { // a damaged code is none
				continue
			}
			i := r.of[code] - 1
			r.last[i] = max(r.last[i], b.time(int(row)))
			if p.counted() { // the rows before are not later
				r.of[code] = 0
				left--
			}
		}
	}
	return nil
}
