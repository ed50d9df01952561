package ui

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/scaivault/audit"
)

const (
	// maxPaths is how many paths of a range are added up for the tree.
	maxPaths = 1_000_000
	// maxBranches is how many branches are shown at a time.
	maxBranches = 200
)

// pathsPage is the tree of the paths of a range: what lies directly below one
// prefix, or at the top.
type pathsPage struct {
	frame
	Crumbs   []segment // from the top down to the prefix
	Here     string    // the last segment of the prefix; "" at the top
	Explore  string    // the events below the prefix
	Sub      string
	Ranges   []option
	Orders   []option
	Total    string // events
	Secrets  uint64
	Branches []branch
	More     string // address of the next branches; "" if there are none
	Left     uint64 // how many they are
	Partial  bool
	Wider    string // where a longer range leads; "" if there is none
	WiderTo  string
}

// branch is a part of the tree: a folder with all below it, or a secret.
type branch struct {
	Name      string
	Full      string // the prefix or path
	Folder    bool
	URL       string // of the folder's own page, or the secret's
	Below     string // address of what is in a folder, as a part
	Events    string
	EventsURL string
	Secrets   string
	Percent   int // of the largest branch beside it
	Last      when
}

// twig is a branch while it is added up.
type twig struct {
	path    audit.Path
	name    string
	folder  bool
	events  uint64
	secrets uint64
	last    audit.Time
}

// pathRanges are the ranges of the tree.
var pathRanges = []string{"24h", "7d", "30d", "90d", "365d"}

// paths answers GET /ui/paths: the whole page, or for htmx the branches alone.
func (s *Server) paths(p *page) error {
	if err := p.may(audit.ScopeRead); err != nil {
		return err
	}
	v := p.r.URL.Query()
	under := audit.Path(strings.TrimSuffix(v.Get("under"), "/"))
	if under != "" {
		if _, err := audit.ParsePath(string(under)); err != nil {
			return err
		}
	}
	span, ok := relative(v.Get("range"), p.now)
	if !ok {
		span, _ = relative("30d", p.now)
	}
	x := &pathsPage{frame: p.frame("Paths", "paths")}
	found, err := s.below(p, under, span)
	if err != nil {
		return err
	}
	x.Partial = found.Partial
	link := pathsLink{under: under, span: span.Name, byEvents: v.Get("order") == "events"}
	skip, _ := strconv.Atoi(v.Get("skip"))
	x.grow(found.Values, link, max(0, skip))
	x.describe(link, span)
	s.part(p, "paths", x)
	return nil
}

// below asks for the paths at and below a prefix that the token may see.
func (s *Server) below(p *page, under audit.Path, span period) (audit.Values, error) {
	q := audit.ValuesQuery{Field: audit.FieldSecretPath, From: &span.From, To: &span.To, Limit: maxPaths,
		Within: narrow(p.who.PathPrefixes, under)}
	if under != "" && len(q.Within) == 0 {
		return audit.Values{}, nil
	}
	return s.Log.Values(p.r.Context(), p.tenant, q)
}

// narrow returns the prefixes that a token bound to scope may see at and below
// under; none if it may see nothing there, or under is "" and it is not bound.
func narrow(scope []audit.Path, under audit.Path) []audit.Path {
	switch {
	case under == "":
		return scope
	case len(scope) == 0 || slices.ContainsFunc(scope, under.Within):
		return []audit.Path{under}
	}
	var inside []audit.Path
	for _, p := range scope {
		if p.Within(under) {
			inside = append(inside, p)
		}
	}
	return inside
}

// pathsLink is what the addresses of the tree hold.
type pathsLink struct {
	under    audit.Path
	span     string
	byEvents bool
}

func (l pathsLink) url(skip int) string {
	v := url.Values{"range": {l.span}}
	if l.under != "" {
		v.Set("under", string(l.under))
	}
	if l.byEvents {
		v.Set("order", "events")
	}
	if skip > 0 {
		v.Set("skip", strconv.Itoa(skip))
	}
	return "/ui/paths?" + v.Encode()
}

// at returns the address of another prefix.
func (l pathsLink) at(under audit.Path) string {
	l.under = under
	return l.url(0)
}

// twigs adds paths up by their first segment below the prefix. A path that is
// also a prefix of others is both a secret and a folder.
func twigs(values []audit.Value, under audit.Path) []*twig {
	type key struct {
		name   string
		folder bool
	}
	byName := make(map[key]*twig)
	cut := len(under)
	if under != "" {
		cut++
	}
	var list []*twig
	for _, v := range values {
		rest := v.Value[min(cut, len(v.Value)):]
		name, _, folder := strings.Cut(rest, "/")
		t := byName[key{name, folder}]
		if t == nil {
			t = &twig{path: audit.Path(v.Value[:len(v.Value)-len(rest)+len(name)]), name: name, folder: folder}
			byName[key{name, folder}] = t
			list = append(list, t)
		}
		t.events, t.secrets, t.last = t.events+v.Count, t.secrets+1, max(t.last, v.LastAt)
	}
	return list
}

// grow fills the branches that are shown.
func (x *pathsPage) grow(values []audit.Value, l pathsLink, skip int) {
	list := twigs(values, l.under)
	slices.SortFunc(list, func(a, b *twig) int {
		n := 0
		if l.byEvents {
			n = cmp.Compare(b.events, a.events)
		}
		folderFirst := 0
		if a.folder != b.folder {
			folderFirst = 1
			if a.folder {
				folderFirst = -1
			}
		}
		return cmp.Or(n, strings.Compare(a.name, b.name), folderFirst)
	})
	var total, most uint64
	for _, t := range list {
		total, most, x.Secrets = total+t.events, max(most, t.events), x.Secrets+t.secrets
	}
	x.Total = number(total)
	list = list[min(skip, len(list)):]
	if len(list) > maxBranches {
		x.More, x.Left = l.url(skip+maxBranches), uint64(len(list)-maxBranches)
		list = list[:maxBranches]
	}
	for _, t := range list {
		x.Branches = append(x.Branches, newBranch(t, l, most, x.Now))
	}
}

func newBranch(t *twig, l pathsLink, most uint64, now audit.Time) branch {
	b := branch{Name: t.name, Full: string(t.path), Folder: t.folder, Events: number(t.events),
		Secrets: number(t.secrets), Percent: part(t.events, most), Last: newWhen(t.last, now)}
	st := state{params: audit.Params{"range": l.span}}
	if t.folder {
		b.URL, b.Below, b.EventsURL = l.at(t.path), l.at(t.path), st.url("path_prefix", string(t.path))
		return b
	}
	b.URL, b.EventsURL = secretURL(t.path), st.url("secret_path", string(t.path))
	if t.name == "" { // the prefix itself
		b.Name = "as a secret"
	}
	return b
}

// describe fills what stands around the branches.
func (x *pathsPage) describe(l pathsLink, span period) {
	x.Sub = "Where events were in the " + lower(span.title()) + ", from secret paths that the log has seen"
	st := state{params: audit.Params{"range": l.span}}
	x.Explore = st.url("path_prefix", string(l.under))
	prefix, rest := "", string(l.under)
	if rest != "" {
		x.Crumbs = []segment{{"Paths", l.at("")}}
	}
	for rest != "" {
		name, after, more := strings.Cut(rest, "/")
		if prefix += name; more {
			x.Crumbs = append(x.Crumbs, segment{name, l.at(audit.Path(prefix))})
		}
		x.Here, prefix, rest = name, prefix+"/", after
	}
	for i, name := range pathRanges {
		to := l
		to.span = name
		x.Ranges = append(x.Ranges, option{name, to.url(0), name == l.span})
		if name == l.span && i+1 < len(pathRanges) {
			to.span = pathRanges[i+1]
			r, _ := relative(to.span, x.Now.Std())
			x.Wider, x.WiderTo = to.url(0), lower(r.title())
		}
	}
	byName, byEvents := l, l
	byName.byEvents, byEvents.byEvents = false, true
	x.Orders = []option{{"By name", byName.url(0), !l.byEvents}, {"By events", byEvents.url(0), l.byEvents}}
}
