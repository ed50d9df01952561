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

// note counts a row with the action.
func (a *access) note(action string) {
	for i := range a.actions {
		if a.actions[i].action == action {
			a.actions[i].n++
			return
		}
	}
	a.actions = append(a.actions, actionCount{action, 1})
}

// Accesses lists who touched what among the events that the query selects, the
// pair with the latest event first. The pages of a walk count the same events.
func (s *Store) Accesses(ctx context.Context, tenant audit.TenantID, q audit.AccessQuery) (audit.AccessPage, error) {
	size, skip := uint64(everything), uint64(0)
	if q.After != nil {
		size, skip = q.After.Size, q.After.Skip
	}
	if q.Limit == 0 {
		q.Limit = audit.DefaultLimit
	}
	l := s.reader(tenant)
	v := l.read(&q.Filter, size)
	defer v.close()
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
	rotated := make(map[string]*audit.Time)
	for _, a := range list {
		if _, ok := rotated[a.path]; !ok {
			if rotated[a.path], err = l.rotated(ctx, audit.Path(a.path), v.size); err != nil {
				return audit.AccessPage{}, err
			}
		}
		page.Accesses = append(page.Accesses, a.describe(rotated[a.path]))
	}
	return page, nil
}

// accesses adds the selected rows up by identity and path and orders the sums.
func (v *view) accesses(ctx context.Context) ([]*access, error) {
	byPair := make(map[[2]string]*access)
	c := accessCounter{all: byPair}
	err := v.each(ctx, c.add)
	list := make([]*access, 0, len(byPair))
	for _, a := range byPair {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b *access) int {
		return cmp.Or(cmp.Compare(b.last, a.last), strings.Compare(a.who, b.who), strings.Compare(a.path, b.path))
	})
	return list, err
}

// accessCounter adds rows up. Of equal times the last one counts as the latest:
// parts come in the order of their indexes, and within a part equal times do.
type accessCounter struct {
	all   map[[2]string]*access
	plan  *plan
	pairs map[[2]uint32]*access // of the present part, by codes
	dicts [numCols]dictionary
}

func (c *accessCounter) add(p *plan, b block, rows []uint16) (err error) {
	if c.plan != p {
		c.plan, c.pairs = p, make(map[[2]uint32]*access)
		for _, col := range []int{colIdentity, colType, colPath, colAction} {
			if c.dicts[col], err = p.dictionary(col); err != nil {
				return err
			}
		}
	}
	for _, row := range rows {
		i := int(row)
		codes := [2]uint32{b.code(colIdentity, i), b.code(colPath, i)}
		if codes[1] == 0 {
			continue
		}
		a := c.pairs[codes]
		if a == nil {
			a = c.open(codes)
		}
		if t := b.time(i); a.total == 0 || t >= a.last {
			a.kind = c.dicts[colType].value(b.code(colType, i))
		}
		a.count.add(b.time(i), b.success(i))
		a.note(c.dicts[colAction].value(b.code(colAction, i)))
	}
	return nil
}

// open returns the sum of a pair that is new in the present part.
func (c *accessCounter) open(codes [2]uint32) *access {
	who, path := c.dicts[colIdentity].value(codes[0]), c.dicts[colPath].value(codes[1])
	a := c.all[[2]string{who, path}]
	if a == nil {
		a = &access{who: who, path: path}
		c.all[[2]string{who, path}] = a
	}
	c.pairs[codes] = a
	return a
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

// rotated returns when anyone last gave the secret a new value.
func (l *tenantLog) rotated(ctx context.Context, path audit.Path, size uint64) (*audit.Time, error) {
	success := true
	v := l.read(&audit.Filter{SecretPath: path, Success: &success,
		Actions: []audit.Action{audit.ActionRotate, audit.ActionWrite}}, size)
	defer v.close()
	var all count
	err := v.each(ctx, func(_ *plan, b block, rows []uint16) error {
		all.rows(b, rows)
		return nil
	})
	_, last := all.times()
	return last, err
}
