package ui

import (
	"cmp"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/scaivault/audit"
)

// kpi is a figure with its name and what it is compared with.
type kpi struct {
	Label, Value, Unit, Note string
	Delta                    string // stands out before the note
	Fail                     bool
	Spark                    *spark // nil for none
}

// share is a bar of a list: how much of the whole a value is.
type share struct {
	Icon, Label, Count, URL string
	Who                     *identity
	Path                    *secretPath
	Percent                 int // of the longest bar
	Delta                   string
	New                     bool   // whether there was none before
	Spark                   string // address of its small chart
}

// access is a row of a table of who touched what.
type access struct {
	Who         *identity
	Path        *secretPath
	Did         string
	Count       string
	Failed      uint64
	FailedText  string
	First, Last when
	AllFailed   bool
	Rotated     *when // since the last access; nil if not
	Events      string
}

func newAccess(a *audit.Access, now audit.Time) access {
	x := access{
		Who: newIdentity(a.IdentityID, a.IdentityType), Path: newPath(a.Path), Did: did(a.ActionsBreakdown),
		Count: number(a.Count), Failed: a.Failed, FailedText: number(a.Failed), AllFailed: a.Failed == a.Count,
		First: newWhen(a.FirstAt, now), Last: newWhen(a.LastAt, now),
	}
	if rotated(a) {
		w := newWhen(*a.PathRotatedAt, now)
		x.Rotated = &w
	}
	st := state{params: audit.Params{"range": "90d", "identity_id": string(a.IdentityID),
		"secret_path": string(a.Path)}}
	x.Events = st.url()
	return x
}

// rotated reports whether the secret was rotated or written after the access.
func rotated(a *audit.Access) bool { return a.PathRotatedAt != nil && *a.PathRotatedAt > a.LastAt }

// did lists actions, the most frequent first.
func did(counts map[audit.Action]uint64) string {
	actions := byCount(counts)
	if len(actions) == 1 {
		return string(actions[0])
	}
	list := make([]string, 0, 3)
	for i, a := range actions {
		if i == 3 {
			list = append(list, "and "+strconv.Itoa(len(actions)-3)+" more")
			break
		}
		list = append(list, string(a)+" "+number(counts[a]))
	}
	return join(list)
}

// byCount returns the actions, the most frequent first.
func byCount(counts map[audit.Action]uint64) []audit.Action {
	return slices.SortedFunc(maps.Keys(counts), func(a, b audit.Action) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
}

// actionShares makes bars of a breakdown; st is what a bar's link narrows.
func actionShares(counts map[audit.Action]uint64, st *state) []share {
	var list []share
	for _, a := range byCount(counts) {
		list = append(list, share{Icon: actionIcon(a), Label: string(a), Count: number(counts[a]),
			URL: st.only("action", string(a)), Percent: part(counts[a], counts[byCount(counts)[0]])})
	}
	return list
}

// part returns how many hundredths of most n is, at least one.
func part(n, most uint64) int { return max(1, int(100*n/max(1, most))) }

// trailPage is the story of one secret or one identity.
type trailPage struct {
	frame
	Subject *identity   // of an identity's page
	Type    string      // of the identity; "" if it was never seen
	Path    *secretPath // of a secret's page
	Name    string      // what one copies
	KPIs    []kpi
	Chart   *chart
	Actions []share
	List    []access
	Shown   int
	Total   string // of the list; "" if all of it is shown
	Rows    []row
	Explore string
	Unseen  bool
	Work    *worklist
}

// secret answers GET /ui/secrets/{path}.
func (s *Server) secret(p *page) error {
	if err := p.may(audit.ScopeRead); err != nil {
		return err
	}
	path, err := audit.ParsePath(p.r.PathValue("path"))
	if err != nil {
		return err
	}
	q := audit.Query{Filter: audit.Filter{SecretPath: path, Within: p.who.PathPrefixes}, Limit: trailRows}
	st := state{params: audit.Params{"secret_path": string(path), "range": "30d"}}
	x := &trailPage{frame: p.frame(string(path), "explore"), Path: newPath(path), Name: string(path),
		Explore: st.url()}
	var found audit.AccessPage
	err = p.together(func() error {
		t, err := s.Log.Secret(p.r.Context(), p.tenant, q)
		x.fill(p, &st, &t.Page, &t.Summary.TrailSummary, kpi{Label: "Identities",
			Value: number(uint64(t.Summary.UniqueIdentities)), Note: "touched it"})
		return err
	}, func() error {
		return s.story(p, x, q.Filter)
	}, func() (err error) {
		found, err = s.Log.Accesses(p.r.Context(), p.tenant, audit.AccessQuery{Filter: q.Filter, Limit: accessRows})
		return err
	})
	if err != nil {
		return err
	}
	for i := range found.Accesses {
		x.List = append(x.List, newAccess(&found.Accesses[i], x.Now))
	}
	if x.Shown = len(x.List); found.Next != nil {
		x.Total = "more than " + strconv.Itoa(accessRows)
	}
	s.render(p.w, p.r, 200, "secret", x)
	return nil
}

const (
	trailRows  = 20  // events on the page of a secret or an identity
	accessRows = 100 // identities on the page of a secret
)

// together asks several questions at the same time and returns the error of the
// first that has one. A panic is an error too: net/http recovers only what
// panics in the handler's own goroutine.
func (p *page) together(questions ...func() error) error {
	var group errgroup.Group
	for _, ask := range questions {
		group.Go(func() (err error) {
			defer func() {
				if x := recover(); x != nil {
					err = fmt.Errorf("ask the log: panic: %v\n%s", x, debug.Stack())
				}
			}()
			return ask()
		})
	}
	return group.Wait()
}

// fill fills what a trail says; extra is the figure that it alone has.
func (x *trailPage) fill(p *page, st *state, found *audit.Page, t *audit.TrailSummary, extra kpi) {
	for i := range found.Records {
		r := &found.Records[i]
		x.Rows = append(x.Rows, newRow(r, x.Now, st.url("range", "90d", "event", string(r.ID))))
	}
	x.Unseen = len(found.Records) == 0
	x.KPIs = slices.Insert(trailFigures(t, p), 2, extra)
	x.Actions = actionShares(t.ActionsBreakdown, st)
}

// story fills the chart of the days of a trail.
func (s *Server) story(p *page, x *trailPage, f audit.Filter) error {
	to := audit.TimeOf(p.now)
	from := max(0, to-audit.TrailPeriod)
	f.From, f.To = &from, &to
	sum, err := s.summarize(p, f, audit.Day, 1)
	if err != nil {
		return err
	}
	x.Chart = newChart(sum.Timeline, audit.Day, "1 day", nil)
	x.Chart.Low = true
	return nil
}

// trailFigures returns the figures of a trail's summary.
func trailFigures(t *audit.TrailSummary, p *page) []kpi {
	last, unit, first := "–", "", "no event"
	now := audit.TimeOf(p.now)
	if t.LastAccessedAt != nil {
		first = "first " + ago(*t.FirstAccessedAt, now)
		last, unit, _ = strings.Cut(ago(*t.LastAccessedAt, now), " ")
	}
	return []kpi{
		{Label: "Events", Value: number(t.TotalEvents), Note: "in 30 days"},
		{Label: "Failed", Value: number(t.FailedEvents), Fail: t.FailedEvents > 0,
			Note: percent(t.FailedEvents, t.TotalEvents) + " of events"},
		{Label: "Last", Value: last, Unit: unit, Note: first},
	}
}

// identity answers GET /ui/identities/{id}.
func (s *Server) identity(p *page) error {
	id, err := p.identityID()
	if err != nil {
		return err
	}
	q := audit.Query{Filter: audit.Filter{IdentityID: id, Within: p.who.PathPrefixes}, Limit: trailRows}
	st := state{params: audit.Params{"identity_id": string(id), "range": "30d"}}
	x := &trailPage{frame: p.frame(string(id), "explore"), Name: string(id), Explore: st.url()}
	err = p.together(func() error {
		t, err := s.Log.Identity(p.r.Context(), p.tenant, q)
		x.Subject, x.Type = newIdentity(id, t.IdentityType), string(t.IdentityType)
		x.fill(p, &st, &t.Page, &t.Summary.TrailSummary, kpi{Label: "Secrets",
			Value: number(uint64(t.Summary.UniqueResources)), Note: "touched in 30 days"})
		return err
	}, func() error {
		return s.story(p, x, q.Filter)
	}, func() (err error) {
		x.Work, err = s.worklist(p, id)
		return err
	})
	if err != nil {
		return err
	}
	s.render(p.w, p.r, 200, "identity", x)
	return nil
}

// identityID returns the identity that the address names, by the rules of the
// filter of that name.
func (p *page) identityID() (audit.IdentityID, error) {
	if err := p.may(audit.ScopeRead); err != nil {
		return "", err
	}
	q, err := audit.ParseQuery(audit.Params{"identity_id": p.r.PathValue("id")})
	return q.IdentityID, err
}
