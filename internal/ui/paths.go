package ui

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/scaivault/audit"
)

// maxBranches is how many branches are shown at a time.
const maxBranches = 200

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
	link := pathsLink{under: under, span: span.Name, byEvents: v.Get("order") == "events"}
	skip, _ := strconv.Atoi(v.Get("skip"))
	q := audit.BranchQuery{Under: under, From: span.From, To: span.To, ByEvents: link.byEvents, Skip: max(0, skip),
		Limit: maxBranches, Within: p.who.PathPrefixes}
	found, err := s.Log.Branches(p.r.Context(), p.tenant, q)
	if err != nil {
		return err
	}
	x := &pathsPage{frame: p.frame("Paths", "paths"), Partial: found.Partial, Total: number(found.Events),
		Secrets: found.Secrets}
	for i := range found.Branches {
		x.Branches = append(x.Branches, newBranch(&found.Branches[i], link, found.Most, x.Now))
	}
	if end := q.Skip + len(found.Branches); end < found.Total {
		x.More, x.Left = link.url(end), uint64(found.Total-end)
	}
	x.describe(link, span)
	s.part(p, "paths", x)
	return nil
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

func newBranch(of *audit.Branch, l pathsLink, most uint64, now audit.Time) branch {
	b := branch{Name: strings.TrimPrefix(string(of.Path[len(l.under):]), "/"), Full: string(of.Path), Folder: of.Folder,
		Events: number(of.Events), Secrets: number(of.Secrets), Percent: part(of.Events, most), Last: newWhen(of.LastAt, now)}
	st := state{params: audit.Params{"range": l.span}}
	if of.Folder {
		b.URL, b.Below, b.EventsURL = l.at(of.Path), l.at(of.Path), st.url("path_prefix", string(of.Path))
		return b
	}
	b.URL, b.EventsURL = secretURL(of.Path), st.url("secret_path", string(of.Path))
	if of.Path == l.under {
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
