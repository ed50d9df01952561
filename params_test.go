package audit_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/scaivault/audit"
)

// parse reads a raw query string as a query of a kind.
func parse(kind, raw string) (fmt.Stringer, error) {
	p, err := audit.ParseParams(raw)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "summary":
		q, err := audit.ParseSummaryQuery(p)
		return &q, err
	case "accesses":
		q, err := audit.ParseAccessQuery(p)
		return &q, err
	case "stream":
		q, err := audit.ParseStreamQuery(p)
		return &q, err
	case "values":
		q, err := audit.ParseValuesQuery(p)
		return &q, err
	case "trail":
		q, err := audit.ParseQuery(p, "secret_path")
		return &q, err
	}
	q, err := audit.ParseQuery(p)
	return &q, err
}

func TestParseQuery(t *testing.T) {
	golden(t, "testdata/query.txt", func(input string) string {
		kind, raw, _ := strings.Cut(input, " ")
		q, err := parse(kind, raw)
		if err != nil {
			return explain(err)
		}
		return strings.TrimSpace("ok " + q.String())
	})
}

func TestParseParams(t *testing.T) {
	got, err := audit.ParseParams("a=1&b=%3D+%2B&&c&d=")
	if err != nil {
		t.Fatal(err)
	}
	want := audit.Params{"a": "1", "b": "= +", "c": "", "d": ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseQueryLists(t *testing.T) {
	list := func(n int) audit.Params {
		ips := make([]string, n)
		for i := range ips {
			ips[i] = fmt.Sprintf("10.0.%d.%d", i/256, i%256)
		}
		return audit.Params{"source_ip": strings.Join(ips, ",")}
	}
	q, err := audit.ParseQuery(list(audit.MaxListValues))
	if err != nil || len(q.SourceIPs) != audit.MaxListValues {
		t.Errorf("list at the limit: %d values, %v", len(q.SourceIPs), err)
	}
	_, err = audit.ParseQuery(list(audit.MaxListValues + 1))
	if audit.ErrorCode(err) != audit.CodeValidationError {
		t.Errorf("list past the limit: %v", err)
	}
}

// A query means its parsed members, not only its text.
func TestParseQueryMembers(t *testing.T) {
	from, to, no := audit.Time(0), audit.Day, false
	want := audit.Query{
		Filter: audit.Filter{
			From: &from, To: &to, Actions: []audit.Action{"list", "read"}, IdentityID: "a,b",
			IdentityType: audit.TypeGroup,
			SecretPath:   "a/b", PathPrefix: "a", Success: &no, SourceIPs: []string{"10.0.0.1", "::1"},
			RequestID:  "r",
			Extra:      []audit.ExtraFilter{{Key: "a", Value: "1"}, {Key: "b", Value: "x"}},
			NotActions: []audit.Action{"write"}, NotIdentityID: "n", NotPathPrefix: "p/q",
			NotSourceIPs: []string{"::2"},
		},
		Order: audit.OrderIndex, FromIndex: 7, Limit: 5, Cursor: "c", Proof: true,
	}
	got, err := audit.ParseQuery(audit.Params{
		"from": "1970-01-01", "to": "1970-01-02", "action": "read,list,read", "identity_id": "a,b",
		"identity_type": "group",
		"secret_path":   "a/b", "path_prefix": "a/", "success": "false",
		"source_ip":  "0:0:0:0:0:0:0:1,::ffff:10.0.0.1",
		"request_id": "r", "extra.b": "x", "extra.a": "1", "not_action": "write", "not_identity_id": "n",
		"not_path_prefix": "p/q", "not_source_ip": "::2", "order": "index", "from_index": "7", "limit": "5",
		"cursor": "c", "include": "proof",
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// text draws printable strings, most of them awkward in a URL.
func text(most int) *rapid.Generator[string] {
	return rapid.StringOfN(rapid.SampledFrom([]rune("ab09 _-.~/:,;=&+%#?\"'\\<ü名😀")), 1, most, -1)
}

func paths() *rapid.Generator[audit.Path] {
	return rapid.Custom(func(t *rapid.T) audit.Path {
		segment := rapid.StringOfN(rapid.SampledFrom([]rune("ab .-+&=%,ü")), 1, 5, -1).
			Filter(func(s string) bool { return s != "." && s != ".." })
		return audit.Path(strings.Join(rapid.SliceOfN(segment, 1, 4).Draw(t, "segments"), "/"))
	})
}

// some draws a value or the zero.
func some[T any](t *rapid.T, g *rapid.Generator[T], name string) (v T) {
	if rapid.Bool().Draw(t, name+"?") {
		return g.Draw(t, name)
	}
	return v
}

// set draws a sorted list without doubles, as queries hold them.
func set[T ~string](t *rapid.T, values []T, name string) []T {
	list := rapid.SliceOfNDistinct(rapid.SampledFrom(values), 0, 3, rapid.ID[T]).Draw(t, name)
	if len(list) == 0 {
		return nil
	}
	return slices.Sorted(slices.Values(list))
}

var addresses = []string{"10.0.1.50", "192.168.0.1", "2001:db8::1", "::1"}

// filters draws any filter that a query can spell.
func filters() *rapid.Generator[audit.Filter] {
	types := []audit.IdentityType{audit.TypeUser, audit.TypeServiceAccount, audit.TypeGroup, audit.TypeSystem}
	return rapid.Custom(func(t *rapid.T) audit.Filter {
		f := audit.Filter{
			From:          some(t, rapid.Ptr(times(), false), "from"),
			To:            some(t, rapid.Ptr(times(), false), "to"),
			Actions:       set(t, audit.Actions(), "actions"),
			IdentityID:    audit.IdentityID(some(t, text(9), "identity")),
			IdentityType:  some(t, rapid.SampledFrom(types), "type"),
			SecretPath:    some(t, paths(), "path"),
			PathPrefix:    some(t, paths(), "prefix"),
			Success:       some(t, rapid.Ptr(rapid.Bool(), false), "success"),
			SourceIPs:     set(t, addresses, "ips"),
			RequestID:     some(t, text(9), "request"),
			NotActions:    set(t, audit.Actions(), "not actions"),
			NotIdentityID: audit.IdentityID(some(t, text(9), "not identity")),
			NotPathPrefix: some(t, paths(), "not prefix"),
			NotSourceIPs:  set(t, addresses, "not ips"),
		}
		for _, key := range set(t, []string{"a", "b.c", "ü =&", "extra.x"}, "keys") {
			f.Extra = append(f.Extra, audit.ExtraFilter{Key: key, Value: rapid.String().Draw(t, "value")})
		}
		return f
	})
}

// again checks that a query's text reads back as the query.
func again[Q any](t *rapid.T, want Q, text string, read func(audit.Params) (Q, error)) {
	t.Helper()
	p, err := audit.ParseParams(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	got, err := read(p)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s: %s", text, diff)
	}
}

func TestQueryReadsBack(t *testing.T) {
	orders := rapid.SampledFrom([]audit.Order{audit.OrderDesc, audit.OrderAsc, audit.OrderIndex})
	rapid.Check(t, func(t *rapid.T) {
		q := audit.Query{
			Filter: filters().Draw(t, "filter"),
			Order:  orders.Draw(t, "order"),
			Limit:  rapid.IntRange(0, audit.MaxLimit).Draw(t, "limit"),
			Cursor: some(t, text(20), "cursor"),
			Proof:  rapid.Bool().Draw(t, "proof"),
		}
		if q.Order == audit.OrderIndex {
			q.FromIndex = rapid.Uint64Range(0, audit.MaxIndex).Draw(t, "from index")
		}
		again(t, q, q.String(), func(p audit.Params) (audit.Query, error) { return audit.ParseQuery(p) })
	})
}

func TestSummaryQueryReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		minutes := rapid.IntRange(0, int(audit.MaxInterval/audit.Minute)).Draw(t, "minutes")
		q := audit.SummaryQuery{
			Filter:   filters().Draw(t, "filter"),
			Interval: audit.Time(minutes) * audit.Minute,
			Top:      rapid.IntRange(0, audit.MaxTop).Draw(t, "top"),
		}
		again(t, q, q.String(), audit.ParseSummaryQuery)
	})
}

func TestAccessQueryReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := audit.AccessQuery{
			Filter: filters().Draw(t, "filter"),
			Limit:  rapid.IntRange(0, audit.MaxLimit).Draw(t, "limit"),
			Cursor: some(t, text(20), "cursor"),
		}
		again(t, q, q.String(), audit.ParseAccessQuery)
	})
}

func TestValuesQueryReadsBack(t *testing.T) {
	all := []audit.ValuesField{audit.FieldIdentityID, audit.FieldSecretPath, audit.FieldSourceIP,
		audit.FieldAction, audit.FieldUserAgent}
	rapid.Check(t, func(t *rapid.T) {
		q := audit.ValuesQuery{
			Field:    rapid.SampledFrom(all).Draw(t, "field"),
			Contains: some(t, text(9), "contains"),
			From:     some(t, rapid.Ptr(times(), false), "from"),
			To:       some(t, rapid.Ptr(times(), false), "to"),
			Limit:    rapid.IntRange(0, audit.MaxValues).Draw(t, "limit"),
		}
		again(t, q, q.String(), audit.ParseValuesQuery)
	})
}

func FuzzParseQuery(f *testing.F) {
	kinds := []string{"logs", "summary", "accesses", "values"}
	for _, input := range inputs(f, "testdata/query.txt") {
		kind, raw, _ := strings.Cut(input, " ")
		f.Add(uint8(max(0, slices.Index(kinds, kind))), raw)
	}
	f.Fuzz(func(t *testing.T, n uint8, raw string) {
		kind := kinds[int(n)%len(kinds)]
		q, err := parse(kind, raw)
		if err != nil {
			switch audit.ErrorCode(err) {
			case audit.CodeInvalidRequest, audit.CodeInvalidPath, audit.CodeValidationError:
				return
			}
			t.Fatalf("%s: %v", raw, err)
		}
		again, err := parse(kind, q.String())
		if err != nil || again.String() != q.String() {
			t.Fatalf("%s\nis    %s\nthen  %v, %v", raw, q, again, err)
		}
		// Nothing that was asked may vanish but values that are the default.
		asked, _ := url.ParseQuery(raw)
		printed, _ := url.ParseQuery(q.String())
		for name := range asked {
			if !printed.Has(name) && name != "order" && name != "from_index" && name != "q" {
				t.Fatalf("%s\nlost %s in %s", raw, name, q)
			}
		}
	})
}
