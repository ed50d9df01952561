package main

import (
	"cmp"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/auth"
	"github.com/scaivault/audit/internal/sample"
)

// BenchmarkPages answers what one does on the pages, each as a request to the
// server's handler, without a network: an operation is the server's time for it,
// and beside it stands the processor's.
// The log is that of SCAIVAULT_BENCH_DATA, as `bench --data` leaves it, else one
// of 200,000 sample events. Its evidence is made before anything is measured.
func BenchmarkPages(b *testing.B) {
	v := newVisitor(b)
	for _, x := range v.interactions(b) {
		b.Run(x.name, func(b *testing.B) {
			v.do(b, x.target, x.form) // what is read for the first time is checked
			before := used().cpu
			for b.Loop() {
				v.do(b, x.target, x.form)
			}
			b.ReportMetric(float64((used().cpu-before).Microseconds())/float64(b.N)/1000, "cpu-ms/op")
		})
	}
}

// interaction is a request, a POST if it has a form, and what one calls it.
type interaction struct {
	name, target string
	form         url.Values
}

// visitor is a browser with a session, without a network to the server.
type visitor struct {
	*server
	tenant  audit.TenantID
	now     time.Time // the newest event is of this second
	exports string    // a directory that is allowed
	cookies map[string]string
	csrf    string
}

// newVisitor opens a server, makes its evidence and signs in.
func newVisitor(b *testing.B) *visitor {
	v := &visitor{now: time.Now(), exports: b.TempDir(), cookies: make(map[string]string)}
	c := &serveCommand{Data: cmp.Or(os.Getenv("SCAIVAULT_BENCH_DATA"), b.TempDir()), RateLimitQueries: 1 << 30,
		RateLimitExports: 1 << 30, ExportWorkers: 1, ExportDir: []string{v.exports}}
	var err error
	if v.server, err = openServer(c, func() time.Time { return v.now }, slog.New(slog.DiscardHandler)); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := v.close(); err != nil {
			b.Error(err)
		}
	})
	v.fill(b)
	if err := v.evidence.sign(b.Context(), v.tenant, v.evidence.log(v.tenant)); err != nil {
		b.Fatal(err)
	}
	token, _, err := v.tokens.Create(auth.TokenSpec{Tenant: v.tenant, Identity: "user:bench", CreatedBy: "user:bench",
		Lifetime: time.Hour, Scopes: audit.Scopes()})
	if err != nil {
		b.Fatal(err)
	}
	v.findCSRF(b, "/ui/signin")
	v.do(b, "/ui/signin", url.Values{"token": {token}})
	v.findCSRF(b, "/ui/exports/new")
	return v
}

// fill appends sample events to an empty log, and sets the clock to the newest one.
func (v *visitor) fill(b *testing.B) {
	v.tenant = "tnt_bench"
	if tenants := v.store.Tenants(); len(tenants) > 0 {
		v.tenant = tenants[0]
	} else {
		events := sample.New(1, sample.Options{Events: 200_000, End: v.now}).Events()
		for some := range slices.Chunk(slices.Collect(events), 5000) {
			if _, err := v.store.Append(b.Context(), v.tenant, audit.Batch{Events: some}); err != nil {
				b.Fatal(err)
			}
		}
	}
	newest, err := v.store.Query(b.Context(), v.tenant, audit.Query{Limit: 1})
	if err != nil {
		b.Fatal(err)
	}
	v.now = newest.Records[0].Timestamp.Std().Add(time.Second)
}

var csrfInPage = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// findCSRF takes the CSRF token of a page.
func (v *visitor) findCSRF(b *testing.B, target string) {
	m := csrfInPage.FindStringSubmatch(v.do(b, target, nil))
	if m == nil {
		b.Fatalf("%s has no form", target)
	}
	v.csrf = m[1]
}

// do makes a request, which must not fail, and returns the answer.
func (v *visitor) do(b *testing.B, target string, form url.Values) string {
	r := httptest.NewRequestWithContext(b.Context(), "GET", target, nil)
	if form != nil {
		form.Set("csrf", v.csrf)
		r = httptest.NewRequestWithContext(b.Context(), "POST", target, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range v.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	v.http.Handler.ServeHTTP(w, r)
	if w.Code >= 400 {
		b.Fatalf("%s: %d\n%.2000s", target, w.Code, w.Body)
	}
	for _, c := range w.Result().Cookies() {
		v.cookies[c.Name] = c.Value
	}
	return w.Body.String()
}

// interactions returns what is measured.
func (v *visitor) interactions(b *testing.B) []interaction {
	to := audit.TimeOf(v.now)
	sum, err := v.store.Summary(b.Context(), v.tenant, audit.SummaryQuery{Filter: audit.Filter{From: new(audit.Time), To: &to},
		Top: audit.MaxTop})
	if err != nil {
		b.Fatal(err)
	}
	busy, rare := sum.TopIdentities[0].IdentityID, sum.TopIdentities[len(sum.TopIdentities)-1].IdentityID
	secret := string(sum.TopResources[0].Path)
	folder, _, _ := strings.Cut(secret, "/")
	page, err := v.store.Query(b.Context(), v.tenant, audit.Query{Filter: audit.Filter{SecretPath: audit.Path(secret)}, Limit: 1})
	if err != nil {
		b.Fatal(err)
	}
	event := string(page.Records[0].ID)
	who := "/ui/identities/" + url.PathEscape(string(busy))
	from := to - 30*audit.Day
	export := url.Values{"filter": {"from=" + from.String() + "&to=" + to.String() + "&path_prefix=" + url.QueryEscape(folder)}, "format": {"jsonl"}, "compression": {"zstd"},
		"type": {"file"}, "bucket": {v.exports}}
	rows := regexp.MustCompile(`/ui/rows\?[^"]+`).FindString(v.do(b, "/ui/?range=30d", nil))
	return []interaction{
		{"explore/1h", "/ui/?range=1h", nil},
		{"explore/30d", "/ui/?range=30d", nil},
		{"explore/90d", "/ui/?range=90d", nil},
		{"explore/identity", "/ui/?range=30d&identity_id=" + url.QueryEscape(string(busy)), nil},
		{"explore/prefix", "/ui/?range=30d&path_prefix=" + url.QueryEscape(folder), nil},
		{"explore/failed", "/ui/?range=30d&success=false", nil},
		{"explore/failed of 90d", "/ui/?range=90d&success=false", nil},
		{"explore/action", "/ui/?range=30d&action=rotate", nil},
		{"explore/not identity", "/ui/?range=30d&not_identity_id=" + url.QueryEscape(string(busy)), nil},
		{"explore/more rows", html.UnescapeString(rows), nil},
		{"explore/drawer", "/ui/?range=30d&event=" + event, nil},
		{"explore/proof", "/ui/proof?id=" + event, nil},
		{"suggest/1 letter", "/ui/suggest?q=a", nil},
		{"suggest/3 letters", "/ui/suggest?q=pro", nil},
		{"suggest/nothing", "/ui/suggest?q=zzzzzz", nil},
		{"overview/24h", "/ui/overview?range=24h", nil},
		{"overview/30d", "/ui/overview?range=30d", nil},
		{"overview/90d", "/ui/overview?range=90d", nil},
		{"spark/identity", "/ui/spark?range=30d&identity_id=" + url.QueryEscape(string(busy)), nil},
		{"spark/action", "/ui/spark?range=30d&action=read", nil},
		{"new/identities", "/ui/new?range=30d&field=identity_id", nil},
		{"new/secrets", "/ui/new?range=30d&field=secret_path", nil},
		{"new/secrets of 90d", "/ui/new?range=90d&field=secret_path", nil},
		{"new/addresses", "/ui/new?range=30d&field=source_ip", nil},
		{"paths/top", "/ui/paths?range=30d", nil},
		{"paths/90d", "/ui/paths?range=90d", nil},
		{"paths/folder", "/ui/paths?range=30d&under=" + url.QueryEscape(folder), nil},
		{"secret", "/ui/secrets/" + secret, nil},
		{"identity/busiest", who, nil},
		{"identity/of the top 100", "/ui/identities/" + url.PathEscape(string(rare)), nil},
		{"identity/worklist.csv", who + "/worklist.csv", nil},
		{"evidence", "/ui/evidence", nil},
		{"export/wizard", "/ui/exports/new?range=30d", nil},
		{"export/dry run", "/ui/exports/new", export},
		{"exports", "/ui/exports", nil},
		{"tokens", "/ui/tokens", nil},
		{"sinks", "/ui/sinks", nil},
		{"settings", "/ui/settings", nil},
	}
}
