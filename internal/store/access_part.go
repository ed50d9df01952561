package store

import (
	"context"
	"slices"
)

// partAccess is what the rows of a part with an identity and a path add up to,
// in its codes and rows. What these stand for is looked up when all rows are read.
type partAccess struct {
	who, path uint32
	count
	from, to int         // the first row and the last one, by time
	actions  []deedCount // few: a list is smaller and faster than a map
}

type deedCount struct {
	code uint32
	n    uint64
}

// note counts a row with the action.
func (a *partAccess) note(action uint32) {
	for i := range a.actions {
		if a.actions[i].code == action {
			a.actions[i].n++
			return
		}
	}
	a.actions = append(a.actions, deedCount{action, 1})
}

// accessCounter adds the rows of a part up.
type accessCounter struct {
	plan   *plan
	list   []partAccess
	blocks []block // those of first and last rows, by number
	// One more than the place in the list, by the codes of identity and path. If
	// the filter names one of these, by the code of the other column.
	places map[[2]uint32]int
	named  bool
	other  int
	byCode []int // made when it is used
}

// accesses adds the selected rows of a part up by identity and path.
func (p *plan) accesses(ctx context.Context) ([]*access, error) {
	c := accessCounter{plan: p, blocks: make([]block, p.blocks()), places: make(map[[2]uint32]int)}
	switch f := p.filter; {
	case f.IdentityID != "":
		c.named, c.other = true, colPath
	case f.SecretPath != "":
		c.named, c.other = true, colIdentity
	}
	if err := p.each(ctx, c.add); err != nil {
		return nil, err
	}
	return c.describe()
}

// add adds rows of a block, whose times are read only if the rows are not in
// their order.
func (c *accessCounter) add(_ *plan, b block, rows []uint16) error {
	if c.named && c.byCode == nil {
		dict, err := c.plan.dictionary(c.other)
		if err != nil {
			return err
		}
		c.byCode = make([]int, dict.len())
	}
	base, ordered := b.base(), b.order() == nil
	for _, row := range rows {
		i := int(row)
		path := b.code(colPath, i)
		if path == 0 {
			continue
		}
		a := c.of(b, i, path)
		switch {
		case a == nil:
			continue
		case !ordered:
			t := b.time(i)
			if a.total == 0 || t >= a.last {
				a.to = base + i
			}
			a.count.add(t, b.success(i))
		default:
			if a.total == 0 {
				a.from = base + i
			}
			a.to = base + i
			a.total++
			if !b.success(i) {
				a.failed++
			}
		}
		a.note(b.code(colAction, i))
	}
	return nil
}

// of returns the sum that a row is part of, nil if its codes are damaged.
func (c *accessCounter) of(b block, row int, path uint32) *partAccess {
	if !c.named {
		codes := [2]uint32{b.code(colIdentity, row), path}
		place := c.places[codes]
		if place == 0 {
			c.list = append(c.list, partAccess{who: codes[0], path: path})
			place = len(c.list)
			c.places[codes] = place
		}
		return &c.list[place-1]
	}
	code := path
	if c.other == colIdentity {
		code = b.code(colIdentity, row)
	}
	if int(code) >= len(c.byCode) {
		return nil
	}
	if c.byCode[code] == 0 {
		c.list = append(c.list, partAccess{who: b.code(colIdentity, row), path: path})
		c.byCode[code] = len(c.list)
	}
	return &c.list[c.byCode[code]-1]
}

// describe says what the sums stand for.
func (c *accessCounter) describe() ([]*access, error) {
	if len(c.list) == 0 {
		return nil, nil
	}
	who, err := c.plan.dictionary(colIdentity)
	if err != nil {
		return nil, err
	}
	path, err := c.plan.dictionary(colPath)
	if err != nil {
		return nil, err
	}
	kinds, err := c.plan.texts(colType)
	if err != nil {
		return nil, err
	}
	actions, err := c.plan.texts(colAction)
	if err != nil {
		return nil, err
	}
	list := make([]access, len(c.list))
	found := make([]*access, len(list))
	for i := range c.list {
		x, a := &c.list[i], &list[i]
		found[i] = a
		*a = access{who: who.value(x.who), path: path.value(x.path), count: x.count}
		last, err := c.block(x.to >> chunkBits)
		if err != nil {
			return nil, err
		}
		if last.order() == nil {
			first, err := c.block(x.from >> chunkBits)
			if err != nil {
				return nil, err
			}
			a.first, a.last = first.time(x.from%chunkRows), last.time(x.to%chunkRows)
		}
		a.kind = kinds.at(last.code(colType, x.to%chunkRows))
		a.actions = slices.Grow(a.actions, len(x.actions))
		for _, n := range x.actions {
			a.note(actions.at(n.code), n.n)
		}
	}
	return found, nil
}

// block returns a block of the part.
func (c *accessCounter) block(n int) (_ block, err error) {
	if c.blocks[n] == nil {
		c.blocks[n], err = c.plan.block(n)
	}
	return c.blocks[n], err
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
