package audit_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
)

// exportBody returns a good body with some of its members replaced or added.
func exportBody(members ...string) string {
	all := map[string]string{"format": `"jsonl"`,
		"destination": `{"type":"s3","bucket":"archive","credentials_path":"export/creds"}`}
	for _, m := range members {
		name, value, _ := strings.Cut(m, "=")
		all[name] = value
	}
	var parts []string
	for name, value := range all {
		parts = append(parts, fmt.Sprintf("%q:%s", name, value))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func destination(members string) string {
	return `destination={"type":"s3","bucket":"archive","credentials_path":"c",` + members + `}`
}

func TestExportDefaults(t *testing.T) {
	for _, body := range []string{exportBody(),
		exportBody("from=null", "to=null", "filters=null", "compression=null", "part_size_bytes=null")} {
		got, err := audit.DecodeExportRequest(body)
		want := audit.ExportRequest{Format: audit.FormatJSONL, Compression: audit.CompressionNone,
			PartSize: 128 << 20, Destination: audit.Destination{Type: audit.DestinationS3, Bucket: "archive"},
			CredentialsPath: "export/creds"}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", body, err, diff)
		}
	}
}

// TestExportRules goes to the limit of every rule and one past it.
func TestExportRules(t *testing.T) {
	for _, tt := range []struct {
		member string
		bad    string // the field that is refused; "" for none
	}{
		{"part_size_bytes=65536", ""},
		{"part_size_bytes=65535", "part_size_bytes"},
		{"part_size_bytes=4294967296", ""},
		{"part_size_bytes=4294967297", "part_size_bytes"},
		{"part_size_bytes=1e6", "part_size_bytes"},
		{`part_size_bytes="65536"`, "part_size_bytes"},
		{`compression="zstd"`, ""},
		{`compression="gzip"`, ""},
		{`compression="GZIP"`, "compression"},
		{`format="csv"`, ""},
		{`format="parquet"`, ""},
		{`format=null`, "format"},
		{`from="2026-01-01"`, ""},
		{`from=1767225600`, "from"},
		{`url="http://x"`, "url"},
		{"filters=[]", "filters"},
		{"filters={}", ""},
		{`filters={"success":"true"}`, "filters.success"},
		{`filters={"success":null}`, "filters.success"},
		{`filters={"action":["read","write"]}`, ""},
		{`filters={"action":[]}`, "filters.action"},
		{`filters={"action":["read",null]}`, "filters.action"},
		{`filters={"action":["raed"]}`, "filters.action"},
		{`filters={"identity_id":["user:a"]}`, "filters.identity_id"},
		{`filters={"identity_id":"user:a,b"}`, ""},
		{`filters={"source_ip":["10.0.0.1","::1"]}`, ""},
		{`filters={"source_ip":"10.0.0"}`, "filters.source_ip"},
		{`filters={"path_prefix":"prod/"}`, ""},
		{`filters={"path_prefix":"../prod"}`, "filters.path_prefix"},
		{`filters={"secret_path":"a","not_path_prefix":"/a"}`, "filters.not_path_prefix"},
		{`filters={"to":"2026-01-01"}`, "filters.to"},
		{`filters={"cursor":"x"}`, "filters.cursor"},
		{`filters={"extra.":"x"}`, "filters.extra."},
		{`filters={"extra.a":1.50}`, ""},
		{`filters={"extra.a":[1]}`, "filters.extra.a"},
		{`filters={"extra.a":"` + strings.Repeat("x", 8<<10-len(`{"extra.a":""}`)) + `"}`, ""},
		{`filters={"extra.a":"` + strings.Repeat("x", 8<<10-len(`{"extra.a":""}`)+1) + `"}`, "filters"},
		{`destination="s3"`, "destination"},
		{`destination=null`, "destination"},
		{destination(`"bucket2":"x"`), "destination.bucket2"},
		{destination(`"prefix":"a/b c/ü"`), ""},
		{destination(`"prefix":"a/"`), ""},
		{destination(`"prefix":""`), ""},
		{destination(`"prefix":"/"`), "destination.prefix"},
		{destination(`"prefix":"/a"`), "destination.prefix"},
		{destination(`"prefix":"a//b"`), "destination.prefix"},
		{destination(`"prefix":"a/../b"`), "destination.prefix"},
		{destination(`"prefix":"a/./b"`), "destination.prefix"},
		{destination(`"prefix":"a\\b"`), "destination.prefix"},
		{destination(`"prefix":"a?b"`), "destination.prefix"},
		{destination(`"prefix":"a#b"`), "destination.prefix"},
		{destination(`"prefix":"a\nb"`), "destination.prefix"},
		{destination(`"prefix":"` + strings.Repeat("x", 512) + `"`), ""},
		{destination(`"prefix":"` + strings.Repeat("x", 513) + `"`), "destination.prefix"},
		{destination(`"region":"eu"`), "destination.region"},
		{`destination={"type":"s3","bucket":"archive"}`, "destination.credentials_path"},
		{`destination={"type":"s3","bucket":"archive","credentials_path":7}`, "destination.credentials_path"},
		{`destination={"type":"S3","bucket":"archive","credentials_path":"c"}`, "destination.type"},
		{`destination={"type":"file"}`, ""},
		{`destination={"type":"file","bucket":"/srv/exports"}`, ""},
		{`destination={"type":"file","bucket":"srv"}`, "destination.bucket"},
		{`destination={"type":"file","bucket":"/srv/../etc"}`, "destination.bucket"},
		{`destination={"type":"file","credentials_path":"c"}`, "destination.credentials_path"},
	} {
		_, err := audit.DecodeExportRequest(exportBody(tt.member))
		if got := offenders(err); !slices.Equal(got, strings.Fields(tt.bad)) {
			t.Errorf("%.120s: %v refused; want %q", tt.member, got, tt.bad)
		}
	}
}

// offenders returns the fields that an error names.
func offenders(err error) []string {
	var names []string
	if e, ok := err.(*audit.Error); ok {
		for _, f := range e.Fields {
			names = append(names, f.Field)
		}
		if len(names) == 0 {
			return []string{e.Message}
		}
	}
	return names
}

// Names of buckets become parts of hosts and URLs.
func TestBucketNames(t *testing.T) {
	long := func(n int) string { return strings.Repeat("b", n) }
	for kind, names := range map[string]struct{ good, bad []string }{
		"s3": {[]string{"abc", "a.b-c", long(63)},
			[]string{"", "ab", "aBc", "a_b", "-ab", "ab-", "a..b", long(64),
				"169.254.169.254", "x.evil.com/a?", "a:b", "::1"}},
		"gcs":        {[]string{"abc", "a_b.c-d", long(222)}, []string{"", "ab", "aBc", long(223), "10.0.0.1", "a/b"}},
		"azure_blob": {[]string{"abc", long(63)}, []string{"", "ab", "a.b", "a_b", "$root", long(64)}},
	} {
		for _, name := range append(names.good, names.bad...) {
			text, _ := json.Marshal(name)
			_, err := audit.DecodeExportRequest(exportBody(
				fmt.Sprintf(`destination={"type":%q,"bucket":%s,"credentials_path":"c"}`, kind, text)))
			if good := slices.Contains(names.good, name); good != (err == nil) ||
				!good && !slices.Equal(offenders(err), []string{"destination.bucket"}) {
				t.Errorf("%s %q: %v", kind, name, err)
			}
		}
	}
}

// Filters are read back as they are written, and select the same.
func TestExportFilters(t *testing.T) {
	no := false
	f := audit.Filter{Actions: []audit.Action{"read", "write"}, IdentityID: "user:a,\"b", IdentityType: "user",
		SecretPath: "a/b", PathPrefix: "a", Success: &no, SourceIPs: []string{"10.0.0.1", "::1"}, RequestID: "<r\u2028>",
		Extra:      []audit.ExtraFilter{{Key: "a.b", Value: "1.50"}, {Key: "lease id", Value: ""}},
		NotActions: []audit.Action{"list"}, NotIdentityID: "user:x", NotPathPrefix: "a/c", NotSourceIPs: []string{"::2"}}
	const want = `{"action":"read,write","extra.a.b":"1.50","extra.lease id":"","identity_id":"user:a,\"b",` +
		`"identity_type":"user","not_action":"list","not_identity_id":"user:x","not_path_prefix":"a/c",` +
		`"not_source_ip":"::2","path_prefix":"a","request_id":"<r` + "\u2028" + `>","secret_path":"a/b",` +
		`"source_ip":"10.0.0.1,::1","success":false}`
	text, err := audit.ExportFilters(f).MarshalJSON()
	if err != nil || string(text) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, text, want)
	}
	var got audit.ExportFilters
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(audit.ExportFilters(f), got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	for _, bad := range []string{`[]`, `{"action":"fly"}`, `{"wrong":1}`, `{"success":true,"success":true}`} {
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
}

func TestExportQuery(t *testing.T) {
	q := audit.ExportQuery{Status: audit.ExportPaused, Limit: 7, Cursor: "c"}
	p, err := audit.ParseParams(q.String())
	if err != nil {
		t.Fatal(err)
	}
	got, err := audit.ParseExportQuery(p)
	if diff := cmp.Diff(q, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	seen := map[string]bool{}
	for _, q := range []audit.ExportQuery{{}, {Status: audit.ExportFailed}, {Within: []audit.Path{"a"}},
		{Within: []audit.Path{"a", "b"}}} {
		if seen[q.Binding()] {
			t.Errorf("%+v is bound like another", q)
		}
		seen[q.Binding()] = true
	}
	for text, ok := range map[string]bool{"limit=1000": true, "limit=1001": false, "limit=0": false,
		"status=completed": true, "status=Completed": false, "cursor=": false} {
		p, _ := audit.ParseParams(text)
		if _, err := audit.ParseExportQuery(p); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestExportID(t *testing.T) {
	const good audit.ExportID = "exp_01JZ0000000000000000000000"
	if !good.Valid() {
		t.Errorf("%s is refused", good)
	}
	for _, bad := range []audit.ExportID{"", "exp_", good[4:], good[:29], good + "0",
		"exp_01JZ000000000000000000000U", "exp_../../../../../etc/passwd"} {
		if bad.Valid() {
			t.Errorf("%q is an id", bad)
		}
	}
}

// FuzzExportRequest looks for bodies that are read and cannot be written back.
func FuzzExportRequest(f *testing.F) {
	f.Add(exportBody())
	f.Add(exportBody(`filters={"action":["read"],"extra.a":1,"success":true}`, `from="2026-01-01"`))
	f.Add(`{"format":"csv","destination":{"type":"file","prefix":"a"}}`)
	f.Fuzz(func(t *testing.T, body string) {
		r, err := audit.DecodeExportRequest(body)
		if err != nil {
			if code := audit.ErrorCode(err); code != audit.CodeInvalidRequest && code != audit.CodeValidationError {
				t.Errorf("error %v", err)
			}
			return
		}
		text, err := r.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		again, err := audit.DecodeExportRequest(string(text))
		if diff := cmp.Diff(r, again); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", text, err, diff)
		}
	})
}
