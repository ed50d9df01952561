package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/scaivault/audit"
)

// Branches lists what lies directly below a prefix in the tree of the paths of
// a range. If ctx's deadline comes first, the answer is partial, as that of
// [Store.Values] is.
func (s *Store) Branches(ctx context.Context, tenant audit.TenantID, q audit.BranchQuery) (_ audit.Branches, err error) {
	within, any := q.Scope()
	if !any {
		return audit.Branches{Branches: []audit.Branch{}}, nil
	}
	v, within := s.reader(tenant).values(colPath, &q.From, &q.To, within, everything)
	defer v.end(&err)
	parts, err := v.countValues(ctx, colPath, within)
	partial := errors.Is(err, context.DeadlineExceeded)
	if err != nil && !partial {
		return audit.Branches{}, err
	}
	list := branches(newValueUnion(parts, ""), q.Under)
	found := audit.Branches{Total: len(list), Partial: partial}
	for _, b := range list {
		found.Events, found.Secrets, found.Most = found.Events+b.Events, found.Secrets+b.Secrets, max(found.Most, b.Events)
	}
	slices.SortFunc(list, branchOrder(q.ByEvents))
	list = list[min(q.Skip, len(list)):]
	found.Branches = list[:min(q.Limit, len(list))]
	last, err := times(parts, len(found.Branches), true, func(c *valueCounts, i int, use func(codeRange)) {
		if b := &found.Branches[i]; b.Folder {
			c.clip(c.values.beginning(string(b.Path)+"/"), use)
		} else {
			c.only(string(b.Path), use)
		}
	})
	for i, t := range last {
		found.Branches[i].LastAt = t
	}
	return found, err
}

// branches adds paths up by their first segment below the prefix. What is in a
// folder stands together, as the values ascend.
func branches(u *valueUnion, under audit.Path) []audit.Branch {
	list := []audit.Branch{}
	cut := len(under)
	if under != "" {
		cut++ // the slash
	}
	for u.next() {
		end := len(u.value)
		folder := false
		for i := cut; i < end && !folder; i++ {
			if u.value[i] == '/' {
				end, folder = i, true
			}
		}
		path := u.value[:end]
		if n := len(list); n == 0 || !folder || !list[n-1].Folder || string(list[n-1].Path) != string(path) {
			list = append(list, audit.Branch{Path: audit.Path(path), Folder: folder})
		}
		b := &list[len(list)-1]
		b.Events, b.Secrets = b.Events+u.count(), b.Secrets+1
	}
	return list
}

// branchOrder orders branches by name, or those with the most events first. Of
// a folder and a secret of the same name the folder is the first.
func branchOrder(byEvents bool) func(a, b audit.Branch) int {
	return func(a, b audit.Branch) int {
		n := 0
		if byEvents {
			n = cmp.Compare(b.Events, a.Events)
		}
		folderFirst := 0
		if a.Folder != b.Folder {
			folderFirst = 1
			if a.Folder {
				folderFirst = -1
			}
		}
		return cmp.Or(n, strings.Compare(string(a.Path), string(b.Path)), folderFirst)
	}
}
