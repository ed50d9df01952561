package ui

import (
	"net/http"

	"github.com/scaivault/audit"
)

// explorePage shows which events a filter selects.
type explorePage struct {
	frame
	State   *state
	Here    string // the address of the state
	Chips   []chip
	Range   string
	Ranges  []option
	Hidden  map[string]string // of the filter's form
	Period  map[string]string // of the form of the range
	From    string            // as the fields of a form have it
	To      string
	Count   string
	Failed  uint64
	FailURL string
	Took    int64 // milliseconds
	Chart   *chart
	Rows    rowsPart
	Drawer  *drawer
	Problem *problem
	Empty   *empty
	Wizard  string // of an export of these events
	Live    string // of a live tail; "" for a range that has ended
	Typed   string // what could not be read as a filter
}

type option struct {
	Label, URL string
	On         bool
}

// rowsPart is a page of a table and where the next one is.
type rowsPart struct {
	Rows    []row
	More    string
	Problem *problem
}

// empty stands in the place of rows that do not exist.
type empty struct {
	New     bool   // the log has no events at all, or none that may be seen
	Text    string // what the latest event is
	Widen   string
	Label   string
	Clear   string
	Command string
}

// explore answers GET /ui/: the whole page, the part below the top bar, or the
// drawer alone.
func (s *Server) explore(p *page) error {
	if err := p.may(audit.ScopeRead); err != nil {
		return err
	}
	st := readState(p.r.URL.RawQuery, p.now)
	query := p.r.URL.Query()
	x := &explorePage{frame: p.frame("Explore", "explore"), State: &st, Typed: query.Get("q")}
	if query.Has("q") {
		if to, ok := st.typed(x.Typed); ok {
			http.Redirect(p.w, p.r, to, http.StatusSeeOther)
			return nil
		}
		st.invalid("filter", "this looks like no identity, path, action, address or request; "+
			"name the field, as in identity:"+x.Typed)
	}
	x.bar(&st)
	if id := query.Get("event"); id != "" {
		x.Drawer = s.drawer(p, &st, audit.EventID(id))
	}
	if p.fragment() && p.r.Header.Get("HX-Target") == "drawer" {
		if x.Drawer == nil {
			x.Drawer = &drawer{}
		}
		s.render(p.w, p.r, http.StatusOK, "drawer-part", x)
		return nil
	}
	status := http.StatusOK
	if err := s.fill(p, &st, x); err != nil {
		problem := s.explain(err)
		problem.StepURL = st.cleared()
		x.Problem, status = &problem, problem.Status
	}
	name := "explore"
	if p.fragment() {
		name = "explore-part"
	}
	s.render(p.w, p.r, status, name, x)
	return nil
}

// bar fills the filter bar.
func (x *explorePage) bar(st *state) {
	x.Chips, x.Range = st.chips(), st.period.title()
	x.Here = st.url()
	x.Hidden, x.Period = st.hidden(), st.hidden("from", "to", "range")
	const field = "2006-01-02T15:04"
	x.From, x.To = st.period.From.Std().Format(field), st.period.To.Std().Format(field)
	for _, name := range periods {
		r, _ := relative(name, x.Now.Std())
		to := st.url("range", name, "from", "", "to", "")
		x.Ranges = append(x.Ranges, option{r.title(), to, name == st.period.Name})
	}
	x.FailURL = st.url("success", "false")
	if st.period.Name != "" {
		x.Live = "/ui/stream" + st.search()
	}
	x.Wizard = "/ui/exports/new" + st.search(within(st.period.From, st.period.To)...)
}

// fill asks for the counts and the first rows.
func (s *Server) fill(p *page, st *state, x *explorePage) error {
	if st.err != nil {
		return st.err
	}
	started := s.Clock()
	width, name := interval(st.period.From, st.period.To)
	sum, err := s.summarize(p, st.query.Filter, width, 1)
	if err != nil {
		return err
	}
	x.Count, x.Failed = number(sum.TotalEvents), sum.FailedEvents
	x.Chart = newChart(sum.Timeline, width, name, st)
	if x.Rows, err = s.readRows(p, st, ""); err != nil {
		return err
	}
	x.Took = s.Clock().Sub(started).Milliseconds()
	if len(x.Rows.Rows) > 0 {
		return nil
	}
	x.Empty, err = s.whyEmpty(p, st)
	return err
}

// rows answers GET /ui/rows: the next rows of a table.
func (s *Server) rows(p *page) error {
	if err := p.may(audit.ScopeRead); err != nil {
		return err
	}
	st := readState(p.r.URL.RawQuery, p.now)
	part, err := rowsPart{}, st.err
	if err == nil {
		part, err = s.readRows(p, &st, p.r.URL.Query().Get("cursor"))
	}
	status := http.StatusOK
	if err != nil {
		problem := s.explain(err)
		problem.Step, problem.StepURL = "Load again", st.url()
		part.Problem, status = &problem, problem.Status
	}
	s.render(p.w, p.r, status, "rows-part", part)
	return nil
}

// readRows reads the rows behind a cursor. The next rows are those of the same
// instants, however long the page stays open.
func (s *Server) readRows(p *page, st *state, cursor string) (part rowsPart, err error) {
	q := st.query
	q.Within = p.who.PathPrefixes
	binding := q.Binding()
	if cursor != "" {
		if q.After, err = s.CursorKey.Open(cursor, p.tenant, binding, p.now); err != nil {
			return part, err
		}
	}
	found, err := s.Log.Query(p.r.Context(), p.tenant, q)
	if err != nil {
		return part, err
	}
	now := audit.TimeOf(p.now)
	open := p.r.URL.Query().Get("event")
	for i := range found.Records {
		r := &found.Records[i]
		x := newRow(r, now, st.url("event", string(r.ID)))
		x.Open = x.ID == open
		part.Rows = append(part.Rows, x)
	}
	if found.Next != nil {
		next := s.CursorKey.Seal(*found.Next, p.tenant, binding, p.now)
		part.More = "/ui/rows" + st.search("from", st.period.From.String(), "to", st.period.To.String(),
			"range", "", "cursor", next)
	}
	return part, nil
}

// whyEmpty finds the latest event that the filter selects in the whole log, to
// say which range would show it.
func (s *Server) whyEmpty(p *page, st *state) (*empty, error) {
	q := audit.Query{Filter: st.query.Filter, Limit: 1}
	q.From, q.To, q.Within = nil, nil, p.who.PathPrefixes
	found, err := s.Log.Query(p.r.Context(), p.tenant, q)
	if err != nil {
		return nil, err
	}
	x := &empty{}
	if st.filtered() {
		x.Clear = st.cleared()
	}
	if len(found.Records) == 0 {
		x.New = !st.filtered()
		x.Command = "scaivault-audit ingest events.jsonl"
		return x, nil
	}
	latest, now := found.Records[0].Timestamp, audit.TimeOf(p.now)
	x.Text = "The latest event like these is of " + newWhen(latest, now).Full + "."
	for _, name := range periods {
		r, _ := relative(name, p.now)
		if r.From <= latest && latest < r.To {
			x.Widen, x.Label = st.url("range", name, "from", "", "to", ""), "Show the "+lower(r.title())
			return x, nil
		}
	}
	x.Widen = st.url(within(max(0, latest-audit.Hour), latest+audit.Hour)...)
	x.Label = "Show the hour around it"
	return x, nil
}
