package store

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/scaivault/audit"
)

// access is what the rows of an identity and a path add up to.
type access struct {
	who, path string
	count
	kind    string        // the identity's type in the latest row
	actions []actionCount // few: a list is smaller and faster than a map
}

type actionCount struct {
	action string
	n      uint64
}

// note counts n rows with the action.
func (a *access) note(action string, n uint64) {
	for i := range a.actions {
		if a.actions[i].action == action {
			a.actions[i].n += n
			return
		}
	}
	a.actions = append(a.actions, actionCount{action, n})
}

// Accesses lists who touched what among the events that the query selects, the
// pair with the latest event first. The pages of a walk count the same events.
func (s *Store) Accesses(ctx context.Context, tenant audit.TenantID, q audit.AccessQuery) (_ audit.AccessPage, err error) {
	size, skip := uint64(everything), uint64(0)
	if q.After != nil {
		size, skip = q.After.Size, q.After.Skip
	}
	if q.Limit == 0 {
		q.Limit = audit.DefaultLimit
	}
	l := s.reader(tenant)
	v := l.read(&q.Filter, size)
	defer v.end(&err)
	list, err := v.accesses(ctx)
	if err != nil {
		return audit.AccessPage{}, err
	}
	list = list[min(skip, uint64(len(list))):]
	page := audit.AccessPage{Accesses: make([]audit.Access, 0, min(q.Limit, len(list)))}
	if len(list) > q.Limit {
		list = list[:q.Limit]
		page.Next = &audit.Cursor{Size: v.size, Skip: skip + uint64(q.Limit)}
	}
	paths := make([]string, len(list))
	for i, a := range list {
		paths[i] = a.path
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	rotated, err := l.rotated(ctx, paths, v.size)
	if err != nil {
		return audit.AccessPage{}, err
	}
	for _, a := range list {
		i, _ := slices.BinarySearch(paths, a.path)
		page.Accesses = append(page.Accesses, a.describe(rotated[i]))
	}
	return page, nil
}

// accesses adds the selected rows up by identity and path and orders the sums.
// Parts are read at the same time, as many as there are processors.
func (v *view) accesses(ctx context.Context) ([]*access, error) {
	sums := make([][]*access, len(v.parts))
	if err := v.beside(ctx, v.parts, func(ctx context.Context, p *plan) (err error) {
		sums[p.number], err = p.accesses(ctx)
		return err
	}); err != nil {
		return nil, err
	}
	return joined(sums), nil
}

// joined adds up what parts have, and orders it. Of equal times the last one
// counts as the latest: parts come in the order of their indexes, and within a
// part equal times do.
func joined(sums [][]*access) []*access {
	type pair struct{ who, path string }
	byPair := make(map[pair]*access)
	var list []*access
	for _, of := range sums {
		for _, a := range of {
			if all := byPair[pair{a.who, a.path}]; all != nil {
				all.join(a)
			} else {
				byPair[pair{a.who, a.path}] = a
				list = append(list, a)
			}
		}
	}
	slices.SortFunc(list, func(a, b *access) int {
		return cmp.Or(cmp.Compare(b.last, a.last), strings.Compare(a.who, b.who), strings.Compare(a.path, b.path))
	})
	return list
}

// join adds the rows of a later part.
func (a *access) join(b *access) {
	if b.last >= a.last {
		a.kind = b.kind
	}
	a.first, a.last = min(a.first, b.first), max(a.last, b.last)
	a.total, a.failed = a.total+b.total, a.failed+b.failed
	for _, n := range b.actions {
		a.note(n.action, n.n)
	}
}

func (a *access) describe(rotated *audit.Time) audit.Access {
	actions := make(map[audit.Action]uint64, len(a.actions))
	for _, x := range a.actions {
		actions[audit.Action(x.action)] = x.n
	}
	return audit.Access{
		IdentityID:       audit.IdentityID(a.who),
		IdentityType:     audit.IdentityType(a.kind),
		Path:             audit.Path(a.path),
		Count:            a.total,
		Failed:           a.failed,
		ActionsBreakdown: actions,
		FirstAt:          a.first,
		LastAt:           a.last,
		PathRotatedAt:    rotated,
	}
}
