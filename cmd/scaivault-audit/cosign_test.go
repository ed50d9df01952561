package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/proof"
	"github.com/scaivault/audit/internal/ui"
	"github.com/scaivault/audit/internal/vfs"
)

// handlerTransport sends requests to a handler in the same process; nil does not
// answer.
type handlerTransport struct{ http.Handler }

func (h handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if h.Handler == nil {
		return nil, errors.New("connection refused")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), nil
}

// newTestWitness returns a witness that knows the logs of acme and beta, and what
// answers for it.
func newTestWitness(t *testing.T, s *signing, name string) (*proof.Witness, http.Handler) {
	t.Helper()
	var keys []string
	for _, tenant := range []audit.TenantID{"acme", "beta"} {
		own, err := s.Verifiers(tenant)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, own...)
	}
	logs, err := proof.ParseLogs(strings.Join(keys, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	w, err := proof.OpenWitness(vfs.NewMem(), "witness", proof.WitnessOptions{Name: name, Clock: time.Now, Logs: logs})
	if err != nil {
		t.Fatal(err)
	}
	server := &witnessServer{witness: w, logger: slog.New(slog.DiscardHandler), origins: originsOf(logs)}
	return w, server.server().Handler
}

// cosign returns what asks witnesses for a log's cosignatures.
func (s *signing) cosign(witnesses ...*witnessClient) *cosigning {
	return &cosigning{evidence: s.evidence, every: time.Second, logger: s.logger, witnesses: witnesses,
		logs: make(map[askedLog]*askedState)}
}

// shows returns the size of the newest cosigned checkpoint of a tenant and who
// cosigned it.
func (s *signing) shows(tenant audit.TenantID, keys ...*proof.WitnessKey) string {
	c, note, err := s.Notary.Witnessed(tenant)
	if err != nil {
		return string(audit.ErrorCode(err))
	}
	list, err := proof.Cosignatures(note, keys)
	if err != nil {
		return err.Error()
	}
	var names []string
	for _, s := range list {
		names = append(names, s.Witness)
	}
	slices.Sort(names) // whoever answers first is the first
	return fmt.Sprint(c.Size, names)
}

// TestCosigning asks two witnesses, one of which is away for a while.
func TestCosigning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigning(t, vfs.NewMem())
		defer s.stop()
		s.append(t, "acme", 300)
		s.append(t, "beta", 5)
		time.Sleep(time.Second)
		one, here := newTestWitness(t, s, "w1")
		two, away := newTestWitness(t, s, "w2")
		client := &witnessClient{base: "http://w2", key: two.Key(), http: &http.Client{Transport: handlerTransport{}}}
		c := s.cosign(&witnessClient{base: "http://w1", key: one.Key(), http: &http.Client{Transport: handlerTransport{here}}},
			client)
		keys := []*proof.WitnessKey{one.Key(), two.Key()}
		expect := func(acme, beta, health string) {
			t.Helper()
			c.sweep(t.Context())
			if got := s.shows("acme", keys...); got != acme {
				t.Errorf("acme: %s, want %s", got, acme)
			}
			if got := s.shows("beta", keys...); got != beta {
				t.Errorf("beta: %s, want %s", got, beta)
			}
			if got := figures(t, c.health, "acme"); got != health {
				t.Errorf("health %s, want %s", got, health)
			}
		}
		fine := "map[cosignature_age_seconds:0 not_cosigned:map[] refuses_without_proof:map[] unwitnessed_events:0]"
		expect("300 [w1]", "5 [w1]", "map[w1:"+fine+
			" w2:map[cosignature_age_seconds:0 not_cosigned:map[acme:error: it does not answer] refuses_without_proof:map[] unwitnessed_events:300]]")
		s.append(t, "acme", 300)
		time.Sleep(time.Second)
		client.http = &http.Client{Transport: handlerTransport{away}}
		expect("600 [w1 w2]", "5 [w1 w2]", "map[w1:"+fine+" w2:"+fine+"]")
		if text, err := s.Checkpoint(t.Context(), "acme"); err != nil || strings.Count(string(text), "\n— ") != 3 {
			t.Errorf("checkpoint %q, %v", text, err)
		}
		// A process that begins knows nothing of the witnesses.
		c = s.cosign(c.witnesses...)
		s.append(t, "acme", 1)
		time.Sleep(time.Second)
		expect("601 [w1 w2]", "5 [w1 w2]", "map[w1:"+fine+" w2:"+fine+"]")
	})
}

// TestLyingWitness hears nonsense: nothing of it is shown, nothing is on record,
// and the log is signed as before.
func TestLyingWitness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigning(t, vfs.NewMem())
		defer s.stop()
		s.append(t, "acme", 3)
		time.Sleep(time.Second)
		stranger := newSigning(t, vfs.NewMem())
		defer stranger.stop()
		stranger.append(t, "acme", 9)
		time.Sleep(time.Second)
		_, foreign, err := stranger.Latest("acme")
		if err != nil {
			t.Fatal(err)
		}
		w, honest := newTestWitness(t, s, "w1")
		other, _ := newTestWitness(t, s, "w1")
		for name, answer := range map[string]http.HandlerFunc{
			"nothing":           func(http.ResponseWriter, *http.Request) {},
			"junk":              func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "junk") },
			"a redirect":        func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) },
			"a junk size":       func(w http.ResponseWriter, _ *http.Request) { writeWitnessSize(w, 1<<60) },
			"an error":          func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) },
			"a line for no one": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "— w2 AAAAAAAA\n") },
			"more, and does not show it": func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost {
					writeWitnessSize(w, 9)
				}
			},
			"more, of another log": func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost {
					writeWitnessSize(w, 9)
					return
				}
				_, _ = w.Write(foreign)
			},
		} {
			c := s.cosign(&witnessClient{base: "http://w1", key: other.Key(), http: &http.Client{
				Transport: handlerTransport{answer}, CheckRedirect: noRedirect}})
			c.sweep(t.Context())
			state := c.state(c.witnesses[0], "acme")
			if state.err == nil || state.alarm != "" || state.size != 0 {
				t.Errorf("%s: %+v", name, state)
			}
		}
		// The key is not the one that was agreed upon.
		c := s.cosign(&witnessClient{base: "http://w1", key: other.Key(), http: &http.Client{Transport: handlerTransport{honest}}})
		c.sweep(t.Context())
		if got := s.shows("acme", w.Key(), other.Key()); got != string(audit.CodeNotFound) {
			t.Errorf("it shows %s", got)
		}
		s.append(t, "acme", 1)
		time.Sleep(time.Second)
		if s.latest("acme") != 4 || s.store.Size("acme") != 4 {
			t.Errorf("%d events, %d signed", s.store.Size("acme"), s.latest("acme"))
		}
	})
}

// TestRefusals hears of witnesses that do not cosign: each reason is named among
// the figures, and none is a fork, which would be on record. The next sweep asks
// again.
func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigning(t, vfs.NewMem())
		defer s.stop()
		s.append(t, "acme", 3)
		time.Sleep(time.Second)
		w, honest := newTestWitness(t, s, "w1")
		_, own, err := s.Latest("acme")
		if err != nil {
			t.Fatal(err)
		}
		for _, tc := range []struct {
			status int
			shown  string // of what it saw
			want   string
		}{
			{400, "", "refused: it finds the request malformed (400)"},
			{403, "", "refused: it trusts none of the keys that signed the checkpoint (403)"},
			{404, "", "refused: it does not know this log (404)"},
			{409, "", "refuses, without proof: it says that it saw another root of that size (409)"},
			{422, "", "refuses, without proof: it says that the log does not continue what it saw (422)"},
			{422, string(own), "refuses, without proof: it says that the log does not continue what it saw (422)"},
			{422, strings.Replace(string(own), "\n3\n", "\n2\n", 1),
				"refuses, without proof: it says that the log does not continue what it saw (422)"},
			{429, "", "refused: it does not cosign now (429)"},
			{503, "", "refused: it does not cosign now (503)"},
		} {
			answer := func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet && tc.shown != "" {
					_, _ = w.Write([]byte(tc.shown))
					return
				}
				http.Error(w, "a reason of its own", tc.status)
			}
			client := &witnessClient{base: "http://w1", key: w.Key(), http: &http.Client{
				Transport: handlerTransport{http.HandlerFunc(answer)}, CheckRedirect: noRedirect}}
			c := s.cosign(client)
			c.sweep(t.Context())
			if got := figures(t, c.health, "acme"); !strings.Contains(got, "not_cosigned:map[acme:"+tc.want+"]") {
				t.Errorf("%d: %s, want %s", tc.status, got, tc.want)
			}
			client.http = &http.Client{Transport: handlerTransport{honest}}
			c.sweep(t.Context())
			if state := c.state(client, "acme"); state.err != nil || state.size != 3 {
				t.Errorf("%d: afterwards %+v", tc.status, state)
			}
		}
		if n := s.store.Size("acme"); n != 3 {
			t.Errorf("%d events: a fork is on record", n)
		}
	})
}

// TestUnprovedRefusals hears of witnesses that say that they saw another log, and
// show nothing that proves it: an alarm with its beginning and how often, that
// ends when the witness cosigns, and never a fork.
func TestUnprovedRefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		answer http.HandlerFunc // to a submission
		want   string           // of the page
	}{
		"another root": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusConflict) },
			"it says that it saw another root of that size (409)"},
		"a proof that does not verify": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnprocessableEntity) },
			"it says that the log does not continue what it saw (422)"},
		"more events": {func(w http.ResponseWriter, _ *http.Request) { writeWitnessSize(w, 9) },
			"it says that it saw 9 events, more than the log has (409)"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { refuseUnproved(t, tc.answer, tc.want) })
		})
	}
}

func refuseUnproved(t *testing.T, answer http.HandlerFunc, says string) {
	s := newSigning(t, vfs.NewMem())
	s.append(t, "acme", 3)
	time.Sleep(time.Second)
	w, honest := newTestWitness(t, s, "w1")
	client := &witnessClient{base: "http://w1", key: w.Key(), http: &http.Client{Transport: handlerTransport{
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				http.NotFound(w, r) // C2SP tlog-witness does not have it
				return
			}
			answer(w, r)
		})}}}
	c, begun := s.cosign(client), time.Now()
	for range 7 { // of which the last is a minute after the first
		c.sweep(t.Context())
		time.Sleep(10 * time.Second)
	}
	want := []ui.Doubt{{Witness: "w1", Says: says, Since: audit.TimeOf(begun), Times: 7}}
	if got := c.doubts("acme"); !slices.Equal(got, want) {
		t.Errorf("on the page %+v, want %+v", got, want)
	}
	since := begun.UTC().Format(time.RFC3339)
	for _, part := range []string{"not_cosigned:map[acme:refuses, without proof: " + says + "]", "since:" + since, "times:7"} {
		if got := figures(t, c.health, ""); !strings.Contains(got, part) {
			t.Errorf("health %s, want %s", got, part)
		}
	}
	if got := c.doubts("beta"); got != nil {
		t.Errorf("of another tenant: %+v", got)
	}
	client.http = &http.Client{Transport: handlerTransport{honest}}
	c.sweep(t.Context())
	if got := figures(t, c.health, ""); !strings.Contains(got, "not_cosigned:map[] refuses_without_proof:map[]") {
		t.Errorf("afterwards %s", got)
	}
	if n := s.store.Size("acme"); n != 3 {
		t.Errorf("%d events: a fork is on record", n)
	}
	s.stop()
	if n := strings.Count(s.out.String(), "WITNESS REFUSES, WITHOUT PROOF"); n != 2 {
		t.Errorf("it is logged %d times, want once a minute: %s", n, s.out)
	}
	if strings.Contains(s.out.String(), "FORK") || !strings.Contains(s.out.String(), "cosigns again") {
		t.Errorf("logged %s", s.out)
	}
}

// TestWitnessProtocol says how a witness answers (C2SP tlog-witness).
func TestWitnessProtocol(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigning(t, vfs.NewMem())
		defer s.stop()
		s.append(t, "acme", 3)
		s.append(t, "gamma", 3)
		time.Sleep(time.Second)
		w, handler := newTestWitness(t, s, "w1")
		submission := func(tenant audit.TenantID, old, size uint64) string {
			note, err := s.At(context.Background(), tenant, size)
			if err != nil {
				t.Fatal(err)
			}
			sub, err := s.Submission(t.Context(), tenant, proof.Checkpoint{Size: size}, note, old)
			if err != nil {
				t.Fatal(err)
			}
			return string(sub.Text())
		}
		route := "/" + proof.OriginHash(s.Origin("acme")) + "/checkpoint"
		for _, step := range []struct {
			method, route, body string
			status              int
			kind, answer        string // "" is any
		}{
			{"GET", route, "", 404, "", ""},
			{"POST", "/add-checkpoint", submission("acme", 1, 2), 409, "text/x.tlog.size", "0\n"},
			{"POST", "/add-checkpoint", submission("acme", 0, 2), 200, "", ""},
			{"POST", "/add-checkpoint", submission("acme", 0, 3), 409, "text/x.tlog.size", "2\n"},
			{"POST", "/add-checkpoint", strings.Replace(submission("acme", 2, 3), "old 2\n", "old 2\n"+proof.Hash{}.String()+"\n", 1),
				422, "", ""},
			{"POST", "/add-checkpoint", strings.Replace(submission("acme", 2, 3), "old 2", "old 4", 1), 400, "", ""},
			{"POST", "/add-checkpoint", submission("acme", 2, 3), 200, "", ""},
			{"POST", "/add-checkpoint", strings.Replace(submission("acme", 3, 3), "\n3\n", "\n2\n", 1), 403, "", ""},
			{"POST", "/add-checkpoint", submission("gamma", 0, 3), 404, "", ""},
			{"POST", "/add-checkpoint", "old 3\n", 400, "", ""},
			{"POST", "/add-checkpoint", strings.Repeat("x", proof.MaxSubmission+1), 400, "", ""},
			{"GET", "/add-checkpoint", "", 405, "", ""},
			{"GET", "/", "", 404, "", ""},
			{"GET", "/abc/checkpoint", "", 404, "", ""},
			{"GET", route, "", 200, "text/plain; charset=utf-8", ""},
		} {
			r := httptest.NewRecorder()
			handler.ServeHTTP(r, httptest.NewRequest(step.method, step.route, strings.NewReader(step.body)))
			if r.Code != step.status || step.kind != "" && r.Header().Get("Content-Type") != step.kind ||
				step.answer != "" && r.Body.String() != step.answer {
				t.Errorf("%s %s %.40q: %d %s %q", step.method, step.route, step.body, r.Code,
					r.Header().Get("Content-Type"), r.Body)
			}
			if step.method == "POST" && r.Code == 200 &&
				(!strings.HasPrefix(r.Body.String(), "— w1 ") || strings.Count(r.Body.String(), "\n") != 1) {
				t.Errorf("%s: answer %q", step.route, r.Body)
			}
		}
		if last, _, _ := w.Latest(s.Origin("acme")); last.Size != 3 {
			t.Errorf("it saw %d", last.Size)
		}
	})
}
