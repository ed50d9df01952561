package store_test

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/scaivault/audit"
)

// sliceLog is a tenant's log as a slice, which every question walks from end
// to end: what the store answers, without its indexes.
type sliceLog struct {
	records []audit.Record
	ids     map[audit.EventID]uint64
	answers map[string]sliceAnswer // by idempotency key
	last    audit.Time             // of the latest receipt
}

type sliceAnswer struct {
	digest  [32]byte
	receipt audit.Receipt
	at      audit.Time
}

func newSliceLog() *sliceLog {
	return &sliceLog{ids: make(map[audit.EventID]uint64), answers: make(map[string]sliceAnswer)}
}

func (l *sliceLog) size() uint64 { return uint64(len(l.records)) }

// append returns the answer to a batch, or the code of its error.
func (l *sliceLog) append(now audit.Time, b *audit.Batch) (audit.Receipt, audit.Code) {
	now = max(now, l.last)
	maps.DeleteFunc(l.answers, func(_ string, a sliceAnswer) bool { return a.at+24*audit.Hour <= now })
	if a, ok := l.answers[b.Key]; ok && b.Key != "" {
		if a.digest != b.Digest {
			return audit.Receipt{}, audit.CodeIDConflict
		}
		a.receipt.Replayed = true
		return a.receipt, ""
	}
	var fresh []audit.Record
	var codes []audit.Code
	r := audit.Receipt{Rejected: slices.Clone(b.Rejected)}
	for i, e := range b.Events {
		next := l.size() + uint64(len(fresh))
		switch code := l.judge(&e, fresh, next); code {
		case "duplicate":
			r.Duplicates++
		case "":
			fresh = append(fresh, complete(e, next, now))
		default:
			codes = append(codes, code)
			r.Rejected = append(r.Rejected, audit.Rejection{Line: b.Line(i), Code: code})
		}
	}
	if len(codes) > 0 && !b.Partial {
		if slices.Contains(codes, audit.CodeIDConflict) {
			return audit.Receipt{}, audit.CodeIDConflict
		}
		return audit.Receipt{}, audit.CodeValidationError
	}
	slices.SortStableFunc(r.Rejected, func(a, b audit.Rejection) int { return cmp.Compare(a.Line, b.Line) })
	r.Accepted = len(fresh)
	if len(fresh) > 0 {
		r.FirstIndex, r.LastIndex = &fresh[0].Index, &fresh[len(fresh)-1].Index
	}
	for _, r := range fresh {
		if r.ID == "" {
			r.ID = audit.DerivedID(0, r.Index)
		}
		l.records = append(l.records, r)
		l.ids[r.ID] = r.Index
	}
	if len(fresh) > 0 || b.Key != "" {
		l.last = now
	}
	if b.Key != "" {
		l.answers[b.Key] = sliceAnswer{b.Digest, r, now}
	}
	return r, ""
}

// judge says what becomes of an event: "duplicate", a code, or "" if it is
// appended behind the fresh events of its batch.
func (l *sliceLog) judge(e *audit.Event, fresh []audit.Record, next uint64) audit.Code {
	if e.ID == "" {
		return ""
	}
	if index, ok := l.ids[e.ID]; ok {
		fresh = l.records[index : index+1]
	}
	for _, known := range fresh {
		if known.ID == e.ID {
			if line(&known.Event) == line(e) {
				return "duplicate"
			}
			return audit.CodeIDConflict
		}
	}
	if _, _, ok := e.ID.Derived(); ok && e.ID != audit.DerivedID(0, next) {
		return audit.CodeValidationError
	}
	return ""
}

// complete returns the record of an event that is appended. An id is derived
// only when the whole batch was judged: nobody can name it before.
func complete(e audit.Event, index uint64, now audit.Time) audit.Record {
	if e.Timestamp == audit.NoTime {
		e.Timestamp = now
	}
	if e.ExtraData == "" {
		e.ExtraData = "{}"
	}
	return audit.Record{Event: e, Index: index, ReceivedAt: now}
}

// list returns the records below size that the filter selects, in order.
func (l *sliceLog) list(f *audit.Filter, order audit.Order, size uint64) []audit.Record {
	list := []audit.Record{}
	for _, r := range l.records[:size] {
		if f.Match(&r.Event) {
			list = append(list, r)
		}
	}
	if order == audit.OrderIndex {
		return list
	}
	slices.SortFunc(list, func(a, b audit.Record) int {
		if order != audit.OrderAsc {
			a, b = b, a
		}
		return cmp.Or(cmp.Compare(a.Timestamp, b.Timestamp), cmp.Compare(a.Index, b.Index))
	})
	return list
}

// page returns the page at the start of list, in a log of the size.
func page(list []audit.Record, limit int, size uint64) audit.Page {
	if len(list) <= limit {
		return audit.Page{Records: list}
	}
	last := list[limit-1]
	return audit.Page{Records: list[:limit],
		Next: &audit.Cursor{Size: size, Time: last.Timestamp, Index: last.Index}}
}

// find returns the first event with the id whose path lies in the row scope.
func (l *sliceLog) find(id audit.EventID, within []audit.Path) (audit.Record, bool) {
	scope := audit.Filter{Within: within}
	for _, r := range l.records {
		if r.ID == id && scope.MatchPath(r.SecretPath) {
			return r, true
		}
	}
	return audit.Record{}, false
}

// count is what a set of records adds up to.
type count struct {
	total, failed uint64
	first, last   *audit.Time
	actions       map[audit.Action]uint64
}

func counted(list []audit.Record) count {
	n := count{actions: make(map[audit.Action]uint64)}
	for _, r := range list {
		n.total++
		if !r.Success {
			n.failed++
		}
		n.actions[r.Action]++
		if n.first == nil || r.Timestamp < *n.first {
			n.first = &r.Timestamp
		}
		if n.last == nil || r.Timestamp > *n.last {
			n.last = &r.Timestamp
		}
	}
	return n
}

// counts says how often each value was counted.
type counts map[string]uint64

func countBy(list []audit.Record, value func(*audit.Record) string) counts {
	n := make(counts)
	for i := range list {
		if v := value(&list[i]); v != "" {
			n[v]++
		}
	}
	return n
}

func identityOf(r *audit.Record) string { return string(r.IdentityID) }
func pathOf(r *audit.Record) string     { return string(r.SecretPath) }

// top returns the values with the highest counts, ties by name.
func (n counts) top(most int) []string {
	names := slices.SortedFunc(maps.Keys(n), func(a, b string) int {
		return cmp.Or(cmp.Compare(n[b], n[a]), strings.Compare(a, b))
	})
	return names[:min(most, len(names))]
}

func (n counts) identities(most int) []audit.IdentityCount {
	list := []audit.IdentityCount{}
	for _, v := range n.top(most) {
		list = append(list, audit.IdentityCount{IdentityID: audit.IdentityID(v), Count: n[v]})
	}
	return list
}

func (n counts) paths(most int) []audit.PathCount {
	list := []audit.PathCount{}
	for _, v := range n.top(most) {
		list = append(list, audit.PathCount{Path: audit.Path(v), Count: n[v]})
	}
	return list
}

func (l *sliceLog) summary(q *audit.SummaryQuery) audit.Summary {
	list := l.list(&q.Filter, audit.OrderIndex, l.size())
	n := counted(list)
	s := audit.Summary{
		TotalEvents: n.total, SuccessfulEvents: n.total - n.failed, FailedEvents: n.failed,
		ActionsBreakdown: n.actions,
		TopIdentities:    countBy(list, identityOf).identities(q.Top),
		TopResources:     countBy(list, pathOf).paths(q.Top),
		From:             *q.From, To: *q.To, AsOf: l.size(), Timeline: []audit.Bucket{},
	}
	if q.Interval == 0 || *q.From >= *q.To {
		return s
	}
	for start := *q.From - *q.From%q.Interval; start < *q.To; start += q.Interval {
		b := audit.Bucket{Start: start}
		for _, r := range list {
			if start <= r.Timestamp && r.Timestamp < start+q.Interval {
				b.TotalEvents++
				if !r.Success {
					b.FailedEvents++
				}
			}
		}
		s.Timeline = append(s.Timeline, b)
	}
	return s
}

// trail returns the summary of the thirty days before now, and its records.
func (l *sliceLog) trail(f audit.Filter, now audit.Time) (audit.TrailSummary, []audit.Record) {
	from := now - 30*audit.Day
	f.From, f.To = &from, &now
	list := l.list(&f, audit.OrderIndex, l.size())
	n := counted(list)
	return audit.TrailSummary{
		PeriodDays: 30, From: from, To: now,
		TotalEvents: n.total, SuccessfulEvents: n.total - n.failed, FailedEvents: n.failed,
		ActionsBreakdown: n.actions, FirstAccessedAt: n.first, LastAccessedAt: n.last,
	}, list
}

// accesses returns the rows of a list of accesses in a log of the size.
func (l *sliceLog) accesses(f *audit.Filter, size uint64) []audit.Access {
	type pair struct {
		identity audit.IdentityID
		path     audit.Path
	}
	groups := make(map[pair][]audit.Record)
	for _, r := range l.list(f, audit.OrderAsc, size) {
		if r.SecretPath != "" {
			key := pair{r.IdentityID, r.SecretPath}
			groups[key] = append(groups[key], r)
		}
	}
	list := []audit.Access{}
	for key, group := range groups {
		n := counted(group)
		list = append(list, audit.Access{
			IdentityID: key.identity, IdentityType: group[len(group)-1].IdentityType, Path: key.path,
			Count: n.total, Failed: n.failed, ActionsBreakdown: n.actions, FirstAt: *n.first, LastAt: *n.last,
			PathRotatedAt: l.rotated(key.path, size),
		})
	}
	slices.SortFunc(list, func(a, b audit.Access) int {
		return cmp.Or(cmp.Compare(b.LastAt, a.LastAt), cmp.Compare(a.IdentityID, b.IdentityID),
			cmp.Compare(a.Path, b.Path))
	})
	return list
}

func (l *sliceLog) rotated(path audit.Path, size uint64) *audit.Time {
	success := true
	return counted(l.list(&audit.Filter{SecretPath: path, Success: &success,
		Actions: []audit.Action{audit.ActionRotate, audit.ActionWrite}}, audit.OrderIndex, size)).last
}

// valueOf returns how to read a field of a record.
func valueOf(field audit.ValuesField) func(*audit.Record) string {
	return map[audit.ValuesField]func(*audit.Record) string{
		audit.FieldIdentityID: identityOf,
		audit.FieldSecretPath: pathOf,
		audit.FieldSourceIP:   func(r *audit.Record) string { return r.SourceIP },
		audit.FieldAction:     func(r *audit.Record) string { return string(r.Action) },
		audit.FieldUserAgent:  func(r *audit.Record) string { return r.UserAgent },
	}[field]
}

func (l *sliceLog) values(q *audit.ValuesQuery) audit.Values {
	value := valueOf(q.Field)
	groups := make(map[string][]audit.Record)
	for _, r := range l.list(&audit.Filter{From: q.From, To: q.To, Within: q.Within}, audit.OrderIndex, l.size()) {
		if v := value(&r); v != "" && strings.Contains(v, q.Contains) {
			groups[v] = append(groups[v], r)
		}
	}
	list := []audit.Value{}
	for v, group := range groups {
		n := counted(group)
		list = append(list, audit.Value{Value: v, Count: n.total, FirstAt: *n.first, LastAt: *n.last})
	}
	rank := func(v string) int { return strings.Index(v+q.Contains, q.Contains) }
	slices.SortFunc(list, func(a, b audit.Value) int {
		return cmp.Or(cmp.Compare(min(rank(a.Value), 1), min(rank(b.Value), 1)),
			cmp.Compare(b.Count, a.Count), strings.Compare(a.Value, b.Value))
	})
	return audit.Values{Values: list[:min(q.Limit, len(list))]}
}

func (l *sliceLog) news(q *audit.NewsQuery) audit.News {
	value := valueOf(q.Field)
	old := make(map[string]bool)
	for _, r := range l.list(&audit.Filter{To: &q.From, Within: q.Within}, audit.OrderIndex, l.size()) {
		old[value(&r)] = true
	}
	list := []audit.NewValue{}
	for _, v := range l.values(&audit.ValuesQuery{Field: q.Field, From: &q.From, To: &q.To, Within: q.Within, Limit: 1 << 20}).Values {
		if !old[v.Value] {
			list = append(list, audit.NewValue{Value: v.Value, Count: v.Count, FirstAt: v.FirstAt})
		}
	}
	slices.SortFunc(list, func(a, b audit.NewValue) int {
		return cmp.Or(cmp.Compare(b.FirstAt, a.FirstAt), strings.Compare(a.Value, b.Value))
	})
	return audit.News{Values: list[min(q.Skip, len(list)):min(q.Skip+q.Limit, len(list))], Total: len(list)}
}

func (l *sliceLog) branches(q *audit.BranchQuery) audit.Branches {
	type key struct {
		path   audit.Path
		folder bool
	}
	all := make(map[key]*audit.Branch)
	secrets := make(map[audit.Path]bool)
	for _, r := range l.list(&audit.Filter{From: &q.From, To: &q.To, PathPrefix: q.Under, Within: q.Within}, audit.OrderIndex, l.size()) {
		if r.SecretPath == "" {
			continue
		}
		rest := strings.TrimPrefix(strings.TrimPrefix(string(r.SecretPath), string(q.Under)), "/")
		_, after, folder := strings.Cut(rest, "/")
		k := key{r.SecretPath, folder}
		if folder {
			k.path = k.path[:len(k.path)-len(after)-1]
		}
		if all[k] == nil {
			all[k] = &audit.Branch{Path: k.path, Folder: folder}
		}
		b := all[k]
		b.Events, b.LastAt = b.Events+1, max(b.LastAt, r.Timestamp)
		if !secrets[r.SecretPath] {
			secrets[r.SecretPath] = true
			b.Secrets++
		}
	}
	list := []audit.Branch{}
	found := audit.Branches{Total: len(all)}
	for _, b := range all {
		list = append(list, *b)
		found.Events, found.Secrets, found.Most = found.Events+b.Events, found.Secrets+b.Secrets, max(found.Most, b.Events)
	}
	slices.SortFunc(list, func(a, b audit.Branch) int {
		if q.ByEvents && a.Events != b.Events {
			return cmp.Compare(b.Events, a.Events)
		}
		// A folder goes before a secret of its name.
		mark := func(b audit.Branch) string {
			if b.Folder {
				return string(b.Path) + "\x00"
			}
			return string(b.Path) + "\x00\x00"
		}
		return strings.Compare(mark(a), mark(b))
	})
	found.Branches = list[min(q.Skip, len(list)):min(q.Skip+q.Limit, len(list))]
	return found
}
