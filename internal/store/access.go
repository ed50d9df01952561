package store

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"

	"github.com/scaivault/audit"
)

// pair is an identity and a path, by their codes.
type pair struct{ identity, path uint32 }

// access is what the rows of a pair add up to.
type access struct {
	pair
	count
	kind    uint32 // code of the type in the latest row
	actions map[uint32]uint64
}

// Accesses lists who touched what among the events that the query selects, the
// pair with the latest event first. The pages of a walk count the same events.
func (s *Store) Accesses(ctx context.Context, tenant audit.TenantID, q audit.AccessQuery) (audit.AccessPage, error) {
	size, skip := uint64(math.MaxUint64), uint64(0)
	if q.After != nil {
		size, skip = q.After.Size, q.After.Skip
	}
	if q.Limit == 0 {
		q.Limit = audit.DefaultLimit
	}
	l := s.reader(tenant)
	v, p := l.read(&q.Filter, size)
	list, err := v.accesses(ctx, p)
	if err != nil {
		return audit.AccessPage{}, err
	}
	list = list[min(skip, uint64(len(list))):]
	page := audit.AccessPage{Accesses: make([]audit.Access, 0, min(q.Limit, len(list)))}
	if len(list) > q.Limit {
		list = list[:q.Limit]
		page.Next = &audit.Cursor{Size: v.size(), Skip: skip + uint64(q.Limit)}
	}
	rotated := make(map[uint32]*audit.Time)
	for _, a := range list {
		if _, ok := rotated[a.path]; !ok {
			if rotated[a.path], err = l.rotated(ctx, audit.Path(v.values[colPath][a.path]), v.size()); err != nil {
				return audit.AccessPage{}, err
			}
		}
		page.Accesses = append(page.Accesses, a.describe(v, rotated[a.path]))
	}
	return page, nil
}

// accesses adds the selected rows up by pair and orders the pairs.
func (v *view) accesses(ctx context.Context, p *plan) ([]*access, error) {
	byPair := make(map[pair]*access)
	err := v.each(ctx, p, func(c *chunk, i int) {
		key := pair{c.codes[colIdentity][i], c.codes[colPath][i]}
		if key.path == 0 {
			return
		}
		a := byPair[key]
		if a == nil {
			a = &access{pair: key, actions: make(map[uint32]uint64, 1)}
			byPair[key] = a
		}
		if a.total == 0 || c.time[i] >= a.last {
			a.kind = c.codes[colType][i]
		}
		a.add(c.time[i], c.success[i])
		a.actions[c.codes[colAction][i]]++
	})
	list := make([]*access, 0, len(byPair))
	for _, a := range byPair {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b *access) int {
		return cmp.Or(cmp.Compare(b.last, a.last),
			strings.Compare(v.values[colIdentity][a.identity], v.values[colIdentity][b.identity]),
			strings.Compare(v.values[colPath][a.path], v.values[colPath][b.path]))
	})
	return list, err
}

func (a *access) describe(v *view, rotated *audit.Time) audit.Access {
	actions := make(map[audit.Action]uint64, len(a.actions))
	for code, n := range a.actions {
		actions[audit.Action(v.values[colAction][code])] = n
	}
	return audit.Access{
		IdentityID:       audit.IdentityID(v.values[colIdentity][a.identity]),
		IdentityType:     audit.IdentityType(v.values[colType][a.kind]),
		Path:             audit.Path(v.values[colPath][a.path]),
		Count:            a.total,
		Failed:           a.failed,
		ActionsBreakdown: actions,
		FirstAt:          a.first,
		LastAt:           a.last,
		PathRotatedAt:    rotated,
	}
}

// rotated returns when anyone last gave the secret a new value.
func (l *tenantLog) rotated(ctx context.Context, path audit.Path, size uint64) (*audit.Time, error) {
	success := true
	v, p := l.read(&audit.Filter{SecretPath: path, Success: &success,
		Actions: []audit.Action{audit.ActionRotate, audit.ActionWrite}}, size)
	var all count
	err := v.each(ctx, p, func(c *chunk, i int) { all.add(c.time[i], true) })
	_, last := all.times()
	return last, err
}
