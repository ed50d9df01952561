package store

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

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
	if err := v.intact(); err != nil {
		return nil, err
	}
	counters := make([]accessCounter, len(v.parts))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, p := range v.parts {
		aheadOfParts(v.parts, p, false)
		group.Go(func() error {
			counters[i] = accessCounter{plan: p, pairs: make(map[[2]uint32]*access)}
			return p.each(ctx, counters[i].add)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	byPair := make(map[[2]string]*access)
	var list []*access
	// Of equal times the last one counts as the latest: parts come in the order of
	// their indexes, and within a part equal times do.
	for i := range counters {
		for codes, a := range counters[i].pairs {
			a.who, a.path = counters[i].who.value(codes[0]), counters[i].path.value(codes[1])
			if all := byPair[[2]string{a.who, a.path}]; all != nil {
				all.join(a)
			} else {
				byPair[[2]string{a.who, a.path}] = a
				list = append(list, a)
			}
		}
	}
	slices.SortFunc(list, func(a, b *access) int {
		return cmp.Or(cmp.Compare(b.last, a.last), strings.Compare(a.who, b.who), strings.Compare(a.path, b.path))
	})
	return list, nil
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

// accessCounter adds the rows of a part up.
type accessCounter struct {
	plan           *plan
	pairs          map[[2]uint32]*access // by codes
	who, path      dictionary            // nil before the first rows
	kinds, actions texts
	times          []audit.Time // scratch
}

// begin looks up what the part knows of its codes.
func (c *accessCounter) begin() (err error) {
	if c.who, err = c.plan.dictionary(colIdentity); err != nil {
		return err
	}
	if c.path, err = c.plan.dictionary(colPath); err != nil {
		return err
	}
	if c.kinds, err = c.plan.texts(colType); err != nil {
		return err
	}
	c.actions, err = c.plan.texts(colAction)
	return err
}

// texts are the values of a column by code.
type texts []string

// texts returns the values of a column, which are few.
func (p *plan) texts(col int) (texts, error) {
	dict, err := p.dictionary(col)
	if err != nil {
		return nil, err
	}
	list := make(texts, dict.len())
	for code := range list {
		list[code] = dict.value(uint32(code))
	}
	return list, nil
}

// at returns the value of a code; a damaged code is none.
func (t texts) at(code uint32) string {
	if int(code) >= len(t) {
		return ""
	}
	return t[code]
}

func (c *accessCounter) add(_ *plan, b block, rows []uint16) error {
	if c.actions == nil {
		if err := c.begin(); err != nil {
			return err
		}
	}
	time := b.time
	if len(rows) > b.len()/64 {
		c.times = b.times(c.times)
		time = func(i int) audit.Time { return c.times[i] }
	}
	for _, row := range rows {
		i := int(row)
		codes := [2]uint32{b.code(colIdentity, i), b.code(colPath, i)}
		if codes[1] == 0 {
			continue
		}
		a := c.pairs[codes]
		if a == nil {
			a = new(access)
			c.pairs[codes] = a
		}
		t := time(i)
		if a.total == 0 || t >= a.last {
			a.kind = c.kinds.at(b.code(colType, i))
		}
		a.count.add(t, b.success(i))
		a.note(c.actions.at(b.code(colAction, i)), 1)
	}
	return nil
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
