package api_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit/internal/api"
)

// TestScripts runs the files of testdata, on the reference and on the store.
// Each is a talk with a server of its own, in blocks between blank lines. A
// block is a request and what must come back; or one of
//
//	seed            append a.ndjson to tnt_a and b.ndjson to tnt_b
//	as NAME         the token of the requests that follow; "nobody" for none
//	tick DURATION   move the clock
//	run             run exports until none is left to run
//	giveup          give up the vault requests whose time is up
//
// A request is a line METHOD TARGET, followed by
//
//	> NAME: VALUE          a header
//	| TEXT                 a line of the body
//	status N               the status
//	code CODE              error.code
//	says TEXT              part of error.message
//	header NAME = VALUE    a header of the answer; VALUE may be "absent"
//	json PATH = JSON       a member, by names and positions between dots
//	keys PATH = A B C      the names of a member's members, in order; PATH . is all
//	ids A B C              the ids of the events, without their log_
//	fields A B C           the names in error.details.fields, in any order
//	body TEXT              the whole body
//	let NAME = PATH        put a member into $NAME for the requests that follow
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			limits := func(c *api.Config) { c.QueryRate = 100_000 }
			if strings.Contains(file, "ratelimit") {
				limits = func(c *api.Config) { c.QueryRate = 3 }
			}
			for name, service := range map[string]*service{
				"reference": start(t, limits), "store": start(t, limits, onStore(t)),
			} {
				t.Run(name, func(t *testing.T) {
					s := script{service: service, as: "reader", vars: map[string]string{}}
					s.run(t, string(text))
				})
			}
		})
	}
}

type script struct {
	*service
	as   string
	vars map[string]string
}

var (
	comment  = regexp.MustCompile(`(?m)^#.*\n`)
	variable = regexp.MustCompile(`\$[a-z]+`)
)

func (s *script) run(t *testing.T, text string) {
	text = comment.ReplaceAllString(text, "")
	for block := range strings.SplitSeq(text, "\n\n") {
		block = strings.Trim(block, "\n")
		if block == "" {
			continue
		}
		block = variable.ReplaceAllStringFunc(block, func(name string) string { return s.vars[name[1:]] })
		lines := strings.Split(block, "\n")
		word, rest, _ := strings.Cut(lines[0], " ")
		switch word {
		case "seed":
			s.seed(t)
		case "as":
			if s.as = rest; rest == "nobody" {
				s.as = ""
			}
		case "run":
			s.runExports(t)
		case "giveup":
			if err := s.intake.GiveUp(t.Context()); err != nil {
				t.Fatal(err)
			}
		case "tick":
			d, err := time.ParseDuration(rest)
			if err != nil {
				t.Fatal(err)
			}
			s.Advance(d)
		default:
			s.talk(t, word, rest, lines[1:])
		}
	}
}

// talk sends the request of a block and checks what comes back.
func (s *script) talk(t *testing.T, method, target string, lines []string) {
	t.Helper()
	var headers, body, wants []string
	for _, line := range lines {
		kind, rest, _ := strings.Cut(line, " ")
		switch kind {
		case ">":
			headers = append(headers, rest)
		case "|":
			body = append(body, rest)
		default:
			wants = append(wants, line)
		}
	}
	r := s.do(t, s.as, method, target, strings.Join(body, "\n"), headers...)
	for _, want := range wants {
		kind, rest, _ := strings.Cut(want, " ")
		name, value, _ := strings.Cut(rest, " = ")
		ok := false
		switch kind {
		case "status":
			ok = rest == strconv.Itoa(r.StatusCode)
		case "code":
			ok = rest == r.member("error.code")
		case "says":
			message, _ := r.member("error.message").(string)
			ok = strings.Contains(message, rest)
		case "header":
			values := r.Header.Values(name)
			ok = value == "absent" && len(values) == 0 || slices.Equal(values, []string{value})
		case "json":
			ok = cmp.Equal(r.member(name), parse(value))
		case "keys":
			ok = slices.Equal(r.keys(name), strings.Fields(value))
		case "ids":
			ok = slices.Equal(r.ids(), strings.Fields(rest))
		case "fields":
			wanted := strings.Fields(rest)
			slices.Sort(wanted)
			ok = slices.Equal(r.fields(), wanted)
		case "body":
			ok = r.body == rest
		case "let":
			s.vars[name], ok = r.member(value).(string)
		}
		if !ok {
			t.Errorf("%s %s: want %s\ngot %d %v\n%.600s", method, target, want, r.StatusCode, r.Header, r.body)
		}
	}
}

// parse returns JSON as a tree in which numbers keep their text, or "bad".
func parse(text string) any {
	var v any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if d.Decode(&v) != nil || d.More() {
		return "bad"
	}
	return v
}

// absent stands for a member that is not there.
type absent struct{}

// member returns the member of the body at a path of names and positions.
func (r response) member(path string) any {
	v := parse(r.body)
	for name := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			var ok bool
			if v, ok = x[name]; !ok {
				return absent{}
			}
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(x) {
				return absent{}
			}
			v = x[i]
		default:
			return absent{}
		}
	}
	return v
}

// keys returns the names of the members of an object, in the order of the text.
func (r response) keys(path string) []string {
	raw := json.RawMessage(r.body)
	for name := range strings.SplitSeq(strings.Trim(path, "."), ".") {
		var object map[string]json.RawMessage
		var array []json.RawMessage
		if i, err := strconv.Atoi(name); err == nil && json.Unmarshal(raw, &array) == nil && i < len(array) {
			raw = array[i]
		} else if json.Unmarshal(raw, &object) == nil && name != "" {
			raw = object[name]
		}
	}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.Token()
	var names []string
	for d.More() {
		name, err := d.Token()
		if err != nil {
			break
		}
		names = append(names, name.(string))
		var skipped json.RawMessage
		d.Decode(&skipped)
	}
	return names
}

// ids returns the ids of the events, without their log_.
func (r response) ids() []string {
	logs, _ := r.member("logs").([]any)
	ids := []string{}
	for _, l := range logs {
		ids = append(ids, strings.TrimPrefix(l.(map[string]any)["id"].(string), "log_"))
	}
	return ids
}

// fields returns the sorted names in error.details.fields.
func (r response) fields() []string {
	list, _ := r.member("error.details.fields").([]any)
	names := []string{}
	for _, f := range list {
		names = append(names, f.(map[string]any)["field"].(string))
	}
	slices.Sort(names)
	return names
}

func itoa(n int) string { return strconv.Itoa(n) }

// checkShape checks what holds for every answer of the API.
func checkShape(t *testing.T, request string, r response) {
	t.Helper()
	bad := func(what string) {
		t.Helper()
		t.Errorf("%.200s: %s\n%d %v\n%.300s", request, what, r.StatusCode, r.Header, r.body)
	}
	id := r.Header.Get("X-Request-ID")
	if id == "" {
		return // net/http has answered, before any handler
	}
	isNote := strings.Contains(request, "/checkpoint") && r.StatusCode == 200
	if r.StatusCode == 204 {
		if r.body != "" || r.Header.Get("Content-Type") != "" || r.Header.Get("Cache-Control") != "no-store" {
			bad("want nothing but headers")
		}
		return
	}
	if r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("X-Content-Type-Options") != "nosniff" ||
		r.Header.Get("Content-Type") != "application/json" && !isNote {
		bad("want Cache-Control no-store, nosniff and JSON")
	}
	if strings.HasPrefix(request, "HEAD ") {
		if r.body != "" || r.ContentLength <= 0 {
			bad("want a length and no body")
		}
		return
	}
	if parse(r.body) == "bad" && !isNote {
		bad("want JSON")
	}
	if r.StatusCode < 400 || r.member("status") == "not_ready" {
		return
	}
	names := r.keys("error")
	names = slices.DeleteFunc(names, func(s string) bool { return s == "details" })
	if !slices.Equal(names, []string{"code", "message", "request_id"}) || r.member("error.request_id") != id {
		bad("want the shape of errors")
	}
	again := r.StatusCode == 429 || r.StatusCode == 503
	if again != (r.Header.Get("Retry-After") != "") {
		bad("want Retry-After with 429 and 503 only")
	}
	if (r.StatusCode == 401) != strings.HasPrefix(r.Header.Get("WWW-Authenticate"), "Bearer") {
		bad("want WWW-Authenticate with 401 only")
	}
}
