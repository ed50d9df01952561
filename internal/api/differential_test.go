package api_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"
)

// world makes events and questions out of few values, so that they meet.
type world struct{ *rand.Rand }

func (w world) pick(values ...string) string { return values[w.IntN(len(values))] }

func (w world) identity() string { return w.pick("user:a", "user:b", "user:a,b", "sa:app", "group:é") }
func (w world) path() string     { return w.pick("a", "a/b", "a/b/c", "a/bc", "b", "b/x y") }
func (w world) action() string   { return w.pick("read", "write", "rotate", "list", "login") }
func (w world) ip() string       { return w.pick("10.0.0.1", "10.0.0.2", "2001:db8::1") }

// time is within some weeks before the clock's now, often twice the same.
func (w world) time() string {
	start := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	return start.Add(time.Duration(w.IntN(90)) * 12 * time.Hour).Format(time.RFC3339)
}

func (w world) event() string {
	e := fmt.Sprintf(`{"timestamp":%q,"action":%q,"identity_type":%q,"identity_id":%q,"success":%t`,
		w.time(), w.action(), w.pick("user", "service_account"), w.identity(), w.IntN(4) > 0)
	if w.IntN(4) > 0 {
		e += fmt.Sprintf(`,"secret_path":%q`, w.path())
	}
	if w.IntN(4) > 0 {
		e += fmt.Sprintf(`,"source_ip":%q,"user_agent":%q`, w.ip(), w.pick("curl/8", "x <y>", ""))
	}
	if w.IntN(2) > 0 {
		e += fmt.Sprintf(`,"request_id":%q,"extra_data":{"k":%s}`,
			w.pick("r1", "r2"), w.pick("1", `"1"`, "true", "[1]"))
	}
	if w.IntN(5) == 0 {
		e += fmt.Sprintf(`,"id":"log_p%d"`, w.IntN(40))
	}
	return e + "}"
}

// filter returns some parameters that any list takes.
func (w world) filter() url.Values {
	v := url.Values{}
	for name, value := range map[string]string{
		"from":            w.time(),
		"to":              w.time(),
		"action":          w.action() + "," + w.action(),
		"not_action":      w.action(),
		"identity_id":     w.identity(),
		"not_identity_id": w.identity(),
		"identity_type":   w.pick("user", "service_account", "group"),
		"secret_path":     w.path(),
		"path_prefix":     w.path(),
		"not_path_prefix": w.path(),
		"success":         w.pick("true", "false"),
		"source_ip":       w.ip() + "," + w.ip(),
		"not_source_ip":   w.ip(),
		"request_id":      w.pick("r1", "r2"),
		"extra.k":         w.pick("1", "true"),
	} {
		if w.IntN(12) == 0 {
			v.Set(name, value)
		}
	}
	return v
}

func (w world) question() string {
	v := w.filter()
	limit := itoa(1 + w.IntN(40))
	switch w.IntN(6) {
	case 0:
		v.Del("secret_path")
		v.Set("limit", limit)
		return "secrets/" + strings.ReplaceAll(w.path(), " ", "%20") + "?" + v.Encode()
	case 1:
		v.Del("identity_id")
		v.Set("limit", limit)
		return "identities/" + url.PathEscape(w.identity()) + "?" + v.Encode()
	case 2:
		v.Set("limit", limit)
		return "accesses?" + v.Encode()
	case 3:
		v.Set("top", limit)
		v.Set("interval", w.pick("1d", "7d", "12h"))
		return "summary?" + v.Encode()
	case 4:
		v = url.Values{"field": {w.pick("identity_id", "secret_path", "source_ip", "action", "user_agent")},
			"q": {w.pick("", "a", "r", "10")}, "limit": {limit}}
		return "values?" + v.Encode()
	}
	v.Set("limit", limit)
	v.Set("order", w.pick("desc", "asc", "index"))
	v.Set("include", "proof")
	return "logs?" + v.Encode()
}

// TestStoreAgainstReference puts the same requests to the store and to the
// reference, and wants the same bytes.
func TestStoreAgainstReference(t *testing.T) {
	const seed = 7
	w := world{rand.New(rand.NewPCG(seed, seed))}
	slow, fast := start(t), start(t, onStore(t))
	both := func(as, method, target, body string) (response, bool) {
		a := slow.do(t, as, method, target, body, ndjsonType, "X-Request-ID: same")
		b := fast.do(t, as, method, target, body, ndjsonType, "X-Request-ID: same")
		same := a.StatusCode == b.StatusCode && (a.body == b.body || a.StatusCode >= 400)
		if !same {
			t.Errorf("%s %s as %s\nreference %d %s\nstore     %d %s", method, target, as,
				a.StatusCode, a.body, b.StatusCode, b.body)
		}
		return a, same
	}
	for range 10 {
		slow.Advance(time.Minute)
		fast.Advance(time.Minute)
		var body strings.Builder
		for range 1 + w.IntN(60) {
			body.WriteString(w.event() + "\n")
		}
		if _, same := both("writer", "POST", "/v1/audit/logs?atomic=false", body.String()); !same {
			return
		}
		for range 40 {
			as := w.pick("reader", "reader", "reader", "rows", "other")
			target, cursor := "/v1/audit/"+w.question(), ""
			for range 5 { // pages
				r, same := both(as, "GET", target+cursor, "")
				if !same {
					return
				}
				next, ok := r.member("cursor").(string)
				if !ok {
					break
				}
				cursor = "&cursor=" + next
			}
		}
	}
	if n := len(slow.log.records["tnt_a"]); n < 100 {
		t.Fatalf("only %d events were compared", n)
	}
}
