package ui

import (
	"net/url"
	"slices"
	"strconv"

	"github.com/scaivault/audit"
)

const (
	// fewNews is how many new values the overview shows of a field.
	fewNews = 6
	// maxNews is how many the page of a field shows at a time.
	maxNews = 200
)

// newsPage lists values of a field that were first seen in a range.
type newsPage struct {
	frame
	Kind   newsKind
	Sub    string
	Kinds  []option
	Ranges []option
	Rows   []newsRow
	Total  uint64
	Here   string // address of the whole list
	More   string // of the next rows; "" if there are none
	Began  *when  // the log begins in the range, so that all of it is new
	Part   bool   // of the overview
}

// newsKind is a field whose new values are shown.
type newsKind struct {
	Field audit.ValuesField
	Title string // New identities
	One   string
	Many  string
}

var newsKinds = []newsKind{
	{audit.FieldIdentityID, "New identities", "identity", "identities"},
	{audit.FieldSecretPath, "New secrets", "secret", "secrets"},
	{audit.FieldSourceIP, "New addresses", "address", "addresses"},
}

// newsRow is a value that was first seen in the range.
type newsRow struct {
	Who   *identity
	Path  *secretPath
	IP    string
	URL   string // of its page
	First when
	Start string // address of its first events
	Count string
}

// newsURL returns the address of a list of new values.
func newsURL(field audit.ValuesField, span string, skip int) string {
	v := url.Values{"field": {string(field)}, "range": {span}}
	if skip > 0 {
		v.Set("skip", strconv.Itoa(skip))
	}
	return "/ui/new?" + v.Encode()
}

// news answers GET /ui/new: the values of a field that no event had before the
// range. For htmx it is the first few, or what comes behind those that are shown.
func (s *Server) news(p *page) error {
	if err := p.may(audit.ScopeRead); err != nil {
		return err
	}
	v := p.r.URL.Query()
	i := slices.IndexFunc(newsKinds, func(k newsKind) bool { return string(k.Field) == v.Get("field") })
	if i < 0 {
		return audit.Errorf(audit.CodeNotFound, "no such list")
	}
	span, ok := relative(v.Get("range"), p.now)
	if !ok {
		span, _ = relative("30d", p.now)
	}
	skip, _ := strconv.Atoi(v.Get("skip"))
	x := &newsPage{frame: p.frame(newsKinds[i].Title, "overview"), Kind: newsKinds[i],
		Here: newsURL(newsKinds[i].Field, span.Name, 0), Part: p.fragment() && !v.Has("skip")}
	x.Sub = "First seen in the " + lower(span.title()) + ", of all that the log holds"
	for _, k := range newsKinds {
		x.Kinds = append(x.Kinds, option{k.Title, newsURL(k.Field, span.Name, 0), k == x.Kind})
	}
	for _, name := range []string{"24h", "7d", "30d", "90d"} {
		x.Ranges = append(x.Ranges, option{name, newsURL(x.Kind.Field, name, 0), name == span.Name})
	}
	if err := s.findNews(p, x, span, max(0, skip)); err != nil {
		return err
	}
	s.part(p, "news", x)
	return nil
}

// findNews asks for the values that are shown.
func (s *Server) findNews(p *page, x *newsPage, span period, skip int) error {
	q := audit.NewsQuery{Field: x.Kind.Field, From: span.From, To: span.To, Skip: skip, Limit: maxNews,
		Within: p.who.PathPrefixes}
	if x.Part {
		q.Limit = fewNews
	}
	found, err := s.Log.News(p.r.Context(), p.tenant, q)
	if err != nil {
		return err
	}
	x.Total = uint64(found.Total)
	for _, v := range found.Values {
		x.Rows = append(x.Rows, newNews(x.Kind.Field, v, span, x.Now))
	}
	if end := skip + len(found.Values); len(found.Values) > 0 && end < found.Total {
		x.More = newsURL(x.Kind.Field, span.Name, end)
	}
	return s.findBegin(p, x, span)
}

// findBegin finds out whether the log begins in the range.
func (s *Server) findBegin(p *page, x *newsPage, span period) error {
	q := audit.Query{Order: audit.OrderAsc, Limit: 1}
	q.Within = p.who.PathPrefixes
	first, err := s.Log.Query(p.r.Context(), p.tenant, q)
	if err == nil && len(first.Records) == 1 && first.Records[0].Timestamp >= span.From {
		w := newWhen(first.Records[0].Timestamp, x.Now)
		x.Began = &w
	}
	return err
}

func newNews(field audit.ValuesField, v audit.NewValue, span period, now audit.Time) newsRow {
	st := state{params: audit.Params{string(field): v.Value, "range": span.Name}}
	x := newsRow{First: newWhen(v.FirstAt, now), Count: number(v.Count), URL: st.url(),
		Start: st.url(within(max(0, v.FirstAt-5*audit.Minute), v.FirstAt+5*audit.Minute)...)}
	switch field {
	case audit.FieldIdentityID:
		x.Who = newIdentity(audit.IdentityID(v.Value), "")
		x.URL = x.Who.URL
	case audit.FieldSecretPath:
		x.Path = newPath(audit.Path(v.Value))
		x.URL = x.Path.URL
	default:
		x.IP = v.Value
	}
	return x
}
