package ui_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/sink"
	"github.com/scaivault/audit/internal/vfs"
)

// sinks are the sinks of a manager that sends nothing, and what a test says of
// tnt_a's: some that did send.
type sinks struct {
	*sink.Manager
	more  []audit.SinkStatus
	aside []audit.SetAside
}

func newSinks(t *testing.T, s *site) *sinks {
	t.Helper()
	m, err := sink.Open(vfs.NewMem(), "data", sink.Options{Log: s.Store, Clock: s.Now, Files: "out"})
	if err != nil {
		t.Fatal(err)
	}
	return &sinks{Manager: m}
}

func (s *sinks) List(ctx context.Context, tenant audit.TenantID) []audit.SinkStatus {
	list := s.Manager.List(ctx, tenant)
	if tenant == "tnt_a" {
		list = append(list, s.more...)
	}
	return list
}

func (s *sinks) SetAside(tenant audit.TenantID, name audit.SinkName) ([]audit.SetAside, error) {
	if len(s.more) > 0 && name == s.more[0].Name {
		return s.aside, nil
	}
	return s.Manager.SetAside(tenant, name)
}

// create makes a file sink that begins at the first event.
func (s *sinks) create(t *testing.T, tenant audit.TenantID, name audit.SinkName) {
	t.Helper()
	var first uint64
	_, err := s.Create(t.Context(), tenant, audit.Caller{Principal: &audit.Principal{IdentityID: "user:maker", IdentityType: audit.TypeUser}},
		audit.SinkRequest{Sink: audit.Sink{Name: name, Type: audit.SinkFile, Format: audit.SinkECS}, Start: audit.SinkStart{Index: &first}})
	if err != nil {
		t.Fatal(err)
	}
}

// sources are an intake with sockets of tnt_a.
type sources struct {
	sockets []string
	err     error
}

func (s *sources) Health(context.Context, audit.TenantID) (map[string]any, error) { return nil, s.err }

func (s *sources) Sockets(tenant audit.TenantID) []string {
	if tenant == "tnt_a" {
		return s.sockets
	}
	return nil
}

func TestSinksPage(t *testing.T) {
	s := start(t)
	b := s.signIn(t, "admin")
	wantText(t, b.page("/ui/"), `href="/ui/sinks"`)
	wantText(t, b.page("/ui/sinks"), "No sink yet", "scaivault-audit sink add", "lines are taken", "/v1/audit/ingest/vault",
		"--vault-socket", "Gaps on record", "None. Where lines", `aria-current="page">Sinks`)

	gap := s.event("system:scaivault-audit", "")
	gap.Action, gap.ExtraData, gap.Success = audit.ActionAuditGap, `{"reason":"half_line"}`, false
	s.add(t, "tnt_a", gap)
	s.sinks.create(t, "tnt_a", "siem")
	s.sinks.create(t, "tnt_b", "theirs")
	s.sources.sockets = []string{"unix:///run/vault.sock"}
	s.Advance(90 * time.Second)
	wantText(t, b.page("/ui/sinks"), "<bdi>siem</bdi>", ">file<", ">ecs<", "running", `<td class="num">2<span class="under">for 1 min`,
		"never", "none since the start", "half_line", "action=audit_gap&amp;event=log_0000000000000000", "unix:///run/vault.sock",
		"!--vault-socket", "!theirs", "!No sink yet", "!Set aside by")

	s.sources.err = errors.New("journal /secret/place: disk on fire")
	wantText(t, b.page("/ui/sinks"), "No lines are taken until a restart", "!disk on fire", "!lines are taken<")
}

func TestSinkThatFails(t *testing.T) {
	s := start(t)
	now := audit.TimeOf(s.Now())
	before := now - 5*audit.Minute
	s.sinks.more = []audit.SinkStatus{{Sink: audit.Sink{Name: "splunk", Type: audit.SinkHEC, Format: audit.SinkOCSF, URL: "https://splunk.example.org:8088"},
		Configured: true, State: audit.SinkRetrying, LagEvents: 12_345, LagSeconds: 7300, Delivered: 1_000_000, PerSecond: 3.5, Failures: 9,
		InARow: 4, LastError: "connection refused", LastErrorAt: &now, LastSuccessAt: &before, SetAside: 31}}
	for range 30 {
		s.sinks.aside = append(s.sinks.aside, audit.SetAside{Index: 1, ID: "log_refused", At: now, Reason: "400: no such index"})
	}
	s.sinks.aside[1] = audit.SetAside{Index: 40, To: 50, At: now, Reason: "damaged block"}
	body := s.signIn(t, "admin").page("/ui/sinks")
	wantText(t, body, "retrying", "4 in a row", "12,345", "for 2 h", "1,000,000", "3.5/s", "5 min ago", "connection refused",
		`href="#aside-splunk">31`, `id="aside-splunk"`, `href="/ui/?event=log_refused"`, "400: no such index", "damaged: 40 to 50",
		"the latest 20 of 31", "sink list --set-aside splunk", ">settings<", "https://splunk.example.org:8088")
	if n := strings.Count(body, "log_refused</bdi>"); n != 19 {
		t.Errorf("%d events that were set aside, want 19 beside the range", n)
	}
}

func TestPauseAndResume(t *testing.T) {
	s := start(t)
	s.sinks.create(t, "tnt_a", "siem")
	s.sinks.create(t, "tnt_b", "theirs")
	b := s.signIn(t, "admin")
	form := url.Values{"csrf": {b.csrf("/ui/sinks")}}
	for _, step := range []struct{ act, state, next, change string }{
		{"pause", "paused", "/ui/sinks/siem/resume", "sink_paused"},
		{"resume", "running", "/ui/sinks/siem/pause", "sink_resumed"},
	} {
		r := b.post("/ui/sinks/siem/"+step.act, form)
		if r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != "/ui/sinks" {
			t.Fatalf("%s: %s\n%s", step.act, r.Status, r.body)
		}
		wantText(t, b.page("/ui/sinks"), step.state, step.next)
		page, err := s.Query(t.Context(), "tnt_a", audit.Query{Limit: 1, Order: audit.OrderDesc})
		if err != nil || len(page.Records) != 1 {
			t.Fatalf("%d events, %v", len(page.Records), err)
		}
		e := &page.Records[0]
		if e.Action != audit.ActionSystemChange || e.IdentityID != "user:root" || e.RequestID == "" ||
			!strings.Contains(e.ExtraData, `"change":"`+step.change+`","sink":"siem"`) {
			t.Errorf("after %s the log says %+v", step.act, e.Event)
		}
	}
	for _, target := range []string{"/ui/sinks/theirs/pause", "/ui/sinks/nope/resume"} {
		if r := b.post(target, form); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", target, r.Status)
		}
	}
}

func TestSinksAreForWhoSeesTheWholeLog(t *testing.T) {
	s := start(t)
	s.sinks.create(t, "tnt_a", "siem")
	for _, who := range []string{"reader", "writer", "boxed"} {
		b := s.signIn(t, who)
		form := url.Values{"csrf": {b.csrf("/ui/")}}
		for _, r := range []answer{b.get("/ui/sinks"), b.post("/ui/sinks/siem/pause", form), b.post("/ui/sinks/siem/resume", form)} {
			if r.StatusCode != http.StatusForbidden {
				t.Errorf("%s %s of %s: %s", r.Request.Method, r.Request.URL.Path, who, r.Status)
			}
			wantText(t, r.body, "!siem", `!href="/ui/sinks"`)
		}
	}
	if st, err := s.sinks.Sink(t.Context(), "tnt_a", "siem"); err != nil || st.State != audit.SinkRunning {
		t.Errorf("refused, and yet: %+v, %v", st, err)
	}
}

func TestHostileSinksStayText(t *testing.T) {
	const probe = `"'><script>alert(1)</script><img src=x onerror=alert(1)>{{.}}` + "\u202e"
	s := start(t)
	now := audit.TimeOf(s.Now())
	gap := s.event("system:scaivault-audit", "")
	gap.Action, gap.ExtraData = audit.ActionAuditGap, `{"reason":`+string(audit.AppendString(nil, probe))+`}`
	s.add(t, "tnt_a", gap)
	s.sinks.more = []audit.SinkStatus{{Sink: audit.Sink{Name: probe, Type: probe, Format: probe, URL: "javascript:" + probe},
		State: audit.SinkRetrying, LastError: probe, LastErrorAt: &now, SetAside: 1}}
	s.sinks.aside = []audit.SetAside{{ID: probe, At: now, Reason: probe}}
	s.sources.sockets = []string{"unix:///" + probe}
	b := s.signIn(t, "admin")
	wantText(t, b.page("/ui/sinks"), "!<script>alert", "!<img src=x", "!href=\"javascript:", "&lt;script&gt;", "⟨U&#43;202E⟩")
	checkHeaders(t, "/ui/sinks", b.get("/ui/sinks"))
}
