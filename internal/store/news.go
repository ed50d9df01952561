package store

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/scaivault/audit"
)

// News lists the values of a field that no event had before a range, those that
// were seen last first.
func (s *Store) News(ctx context.Context, tenant audit.TenantID, q audit.NewsQuery) (_ audit.News, err error) {
	col, l := columnOf[q.Field], s.reader(tenant)
	v, within := l.values(col, &q.From, &q.To, q.Within, everything)
	defer v.end(&err)
	before, _ := l.values(col, nil, &q.From, q.Within, v.size)
	defer before.end(&err)
	old, err := before.countValues(ctx, col, within)
	if err != nil {
		return audit.News{}, err
	}
	parts, err := v.countValues(ctx, col, within)
	if err != nil {
		return audit.News{}, err
	}
	slices.SortStableFunc(parts, func(a, b *valueCounts) int { return cmp.Compare(a.most(), b.most()) })
	fresh, total := newValues(parts, old)
	list, err := latest(parts, fresh, min(q.Skip, total)+q.Limit)
	return audit.News{Values: list[min(q.Skip, len(list)):], Total: total}, err
}

// newValue is a value that old rows do not have, by its rank in the first part
// that has it, of those whose rows end first.
type newValue struct {
	rank  uint32
	count uint32
}

// newValues returns the values of parts that do not occur in old ones, by the
// place of their part, and how many they are.
func newValues(parts, old []*valueCounts) (fresh [][]newValue, total int) {
	fresh = make([][]newValue, len(parts))
	place := make(map[*valueCounts]int, len(parts))
	for i, c := range parts {
		place[c] = i
	}
	for u := newValueUnion(slices.Concat(old, parts), ""); u.next(); {
		// Streams keep their order, so that an old one is the first.
		if i, isNew := place[u.same[0].of]; isNew {
			fresh[i] = append(fresh[i], newValue{u.same[0].rank - 1, uint32(u.count())})
			total++
		}
	}
	return fresh, total
}

// latest returns the first n of the new values by the time at which they were
// first seen, the last one first, ties by name. The values of a part are looked
// at only if that part does not end before n others were seen.
func latest(parts []*valueCounts, fresh [][]newValue, n int) ([]audit.NewValue, error) {
	list := first[audit.NewValue]{n: n, compare: func(a, b audit.NewValue) int {
		return cmp.Or(cmp.Compare(b.FirstAt, a.FirstAt), strings.Compare(a.Value, b.Value))
	}}
	for k := len(parts) - 1; k >= 0; k-- {
		if last, full := list.last(); full && last.FirstAt > parts[k].most() {
			break
		}
		seen, err := firstSeen(parts[k:], fresh[k])
		if err != nil {
			return nil, err
		}
		for i, v := range fresh[k] {
			if last, full := list.last(); !full || seen[i] >= last.FirstAt {
				list.add(audit.NewValue{Value: parts[k].value(v.rank), Count: uint64(v.count), FirstAt: seen[i]})
			}
		}
	}
	return list.all(), nil
}

// firstSeen returns when values of the first of the parts were first seen. The
// parts after it may have them too.
func firstSeen(parts []*valueCounts, fresh []newValue) ([]audit.Time, error) {
	return times(parts, len(fresh), false, func(c *valueCounts, i int, use func(codeRange)) {
		if rank := fresh[i].rank; c == parts[0] {
			use(codeRange{rank, rank + 1})
		} else {
			c.only(parts[0].value(fresh[i].rank), use)
		}
	})
}
