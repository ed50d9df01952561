package ui

import (
	"github.com/scaivault/audit"
)

// overviewPage compares a period with the one before it.
type overviewPage struct {
	frame
	Sub        string
	Ranges     []option
	KPIs       []kpi
	Chart      *chart
	Identities []share
	Secrets    []share
	Actions    []share
	News       []option
	Empty      bool
}

// overview answers GET /ui/overview.
func (s *Server) overview(p *page) error {
	if err := p.may(audit.ScopeRead); err != nil {
		return err
	}
	name := p.r.URL.Query().Get("range")
	this, ok := relative(name, p.now)
	if !ok {
		this, _ = relative("30d", p.now)
	}
	before := period{From: max(0, this.From-(this.To-this.From)), To: this.From}
	width, every := interval(this.From, this.To)
	now, err := s.summarize(p, audit.Filter{From: &this.From, To: &this.To}, width, audit.DefaultTop)
	if err != nil {
		return err
	}
	then, err := s.summarize(p, audit.Filter{From: &before.From, To: &before.To}, 0, audit.MaxTop)
	if err != nil {
		return err
	}
	st := state{params: audit.Params{"range": this.Name}, period: this}
	x := &overviewPage{frame: p.frame("Overview", "overview"), Chart: newChart(now.Timeline, width, every, &st),
		Empty: now.TotalEvents == 0 && then.TotalEvents == 0}
	x.Sub = this.From.Std().Format("Jan 2, 15:04") + " to " + this.To.Std().Format("Jan 2, 15:04, 2006") +
		" UTC, compared with " + lower(this.title())[len("last "):] + " before"
	for _, name := range []string{"24h", "7d", "30d", "90d"} {
		x.Ranges = append(x.Ranges, option{name, "/ui/overview?range=" + name, name == this.Name})
	}
	for _, k := range newsKinds {
		x.News = append(x.News, option{Label: k.Title, URL: newsURL(k.Field, this.Name, 0)})
	}
	x.KPIs = totals(&now, &then)
	x.fillTops(&now, &then, &st)
	s.render(p.w, p.r, 200, "overview", x)
	return nil
}

// totals returns the figures at the top.
func totals(now, then *audit.Summary) []kpi {
	return []kpi{
		{Label: "Events", Value: number(now.TotalEvents), Delta: change(now.TotalEvents, then.TotalEvents),
			Note: "from " + number(then.TotalEvents), Spark: newSpark(now.Timeline, false)},
		{Label: "Failed", Value: number(now.FailedEvents), Fail: now.FailedEvents > 0,
			Delta: change(now.FailedEvents, then.FailedEvents), Note: "from " + number(then.FailedEvents), Spark: newSpark(now.Timeline, true)},
		{Label: "Failure rate", Value: percent(now.FailedEvents, now.TotalEvents),
			Note: "from " + percent(then.FailedEvents, then.TotalEvents)},
		{Label: "Rotations", Value: number(now.ActionsBreakdown[audit.ActionRotate]),
			Delta: change(now.ActionsBreakdown[audit.ActionRotate], then.ActionsBreakdown[audit.ActionRotate]),
			Note:  "from " + number(then.ActionsBreakdown[audit.ActionRotate])},
	}
}

// fillTops fills the lists. What stood nowhere in the list of the period before
// has no comparison if that list was full: it may have been below its end.
func (x *overviewPage) fillTops(now, then *audit.Summary, st *state) {
	identities := make(map[audit.IdentityID]uint64)
	for _, c := range then.TopIdentities {
		identities[c.IdentityID] = c.Count
	}
	for _, c := range now.TopIdentities {
		b := share{Spark: sparkURL(st, "identity_id", string(c.IdentityID)), Who: newIdentity(c.IdentityID, ""), URL: identityURL(c.IdentityID), Count: number(c.Count),
			Percent: part(c.Count, now.TopIdentities[0].Count)}
		b.compare(c.Count, identities[c.IdentityID], len(then.TopIdentities) < audit.MaxTop)
		x.Identities = append(x.Identities, b)
	}
	paths := make(map[audit.Path]uint64)
	for _, c := range then.TopResources {
		paths[c.Path] = c.Count
	}
	for _, c := range now.TopResources {
		b := share{Spark: sparkURL(st, "secret_path", string(c.Path)), Path: newPath(c.Path), URL: secretURL(c.Path), Count: number(c.Count),
			Percent: part(c.Count, now.TopResources[0].Count)}
		b.compare(c.Count, paths[c.Path], len(then.TopResources) < audit.MaxTop)
		x.Secrets = append(x.Secrets, b)
	}
	x.Actions = actionShares(now.ActionsBreakdown, st)
	for i := range x.Actions {
		a := audit.Action(x.Actions[i].Label)
		x.Actions[i].Spark = sparkURL(st, "action", x.Actions[i].Label)
		x.Actions[i].compare(now.ActionsBreakdown[a], then.ActionsBreakdown[a], true)
	}
	x.Actions = x.Actions[:min(len(x.Actions), audit.DefaultTop)]
}

// sparkURL returns the address of the small chart of a value.
func sparkURL(st *state, name, value string) string { return "/ui/spark" + st.search(name, value) }

// compare says how a count changed; complete, that a count of 0 before is known.
func (b *share) compare(now, before uint64, complete bool) {
	if b.Delta = change(now, before); before == 0 && complete {
		b.Delta, b.New = "new", true
	}
}
