package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/scaivault/audit"
)

const testExport = "exp_01JZ0000000000000000000000"

// exportJSON is an export with that status, as the server answers it.
func exportJSON(status, files, reason string) string {
	return `{"export_id":"` + testExport + `","status":"` + status + `","format":"jsonl","compression":"none",` +
		`"from":null,"to":null,"filters":{},"destination":{"type":"s3","bucket":"archive","prefix":"a"},` +
		`"created_by":"user:\u001b[2Ja","created_at":"2026-04-23T20:00:00.000000Z",` +
		`"started_at":null,"completed_at":null,"as_of":12,"estimated_records":4,"record_count":2,` +
		`"size_bytes":2048,"progress":0.5,"files":[` + files + `],"manifest_key":null,"error":` + reason + `}`
}

// serveExports answers a request with what stands under its method and path,
// one after the other.
func serveExports(t *testing.T, answers map[string][]string) {
	t.Helper()
	asked := make(map[string]int)
	start(t, func(w http.ResponseWriter, r *http.Request) {
		route := r.Method + " " + r.URL.RequestURI()
		list := answers[route]
		if len(list) == 0 {
			t.Errorf("unexpected %s", route)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/export") {
			w.WriteHeader(http.StatusAccepted)
		}
		io.WriteString(w, list[min(asked[route], len(list)-1)])
		asked[route]++
	})
}

func TestExportWait(t *testing.T) {
	get := "GET /v1/audit/exports/" + testExport
	for _, tt := range []struct {
		status, reason string
		want           result
	}{
		{"completed", "null", result{Code: 0}},
		{"cancelled", "null", result{Code: 1, Stderr: "scaivault-audit: export " + testExport + " was cancelled\n"}},
		{"failed", `{"code":"destination_conflict","message":"in the way"}`, result{Code: 1,
			Stderr: "scaivault-audit: export " + testExport + " failed: in the way\n"}},
		{"paused", `{"code":"credentials_needed","message":"wants a token"}`, result{Code: 1,
			Stderr: "scaivault-audit: export " + testExport + " is paused: wants a token " +
				"(scaivault-audit export resume " + testExport + ")\n"}},
	} {
		last := exportJSON(tt.status, "", tt.reason)
		serveExports(t, map[string][]string{get: {exportJSON("running", "", "null"), last}})
		tt.want.Stdout = last + "\n"
		check(t, runLine(t, "", "export", "wait", testExport), tt.want)
	}
}

func TestExportCreateAndWait(t *testing.T) {
	done := exportJSON("completed", "", "null")
	serveExports(t, map[string][]string{
		"POST /v1/audit/export": {`{"export_id":"` + testExport + `","status":"pending","estimated_records":4,` +
			`"created_at":"2026-04-23T20:00:00.000000Z"}`},
		"GET /v1/audit/exports/" + testExport: {exportJSON("pending", "", "null"), done},
	})
	check(t, runLine(t, "", "export", "create", "s3://archive/a", "--credentials", "c", "--wait"),
		result{Stdout: done + "\n"})
	got := onTerminal(t, 80, "export", "create", "s3://archive/a", "--credentials", "c")
	check(t, got, result{Stdout: testExport + " is pending, with 4 events.\n" +
		"See how it goes: scaivault-audit export wait " + testExport + "\n"})
}

func TestExportGetOnTerminal(t *testing.T) {
	file := `{"key":"a/part-0001.jsonl","size_bytes":2048,"record_count":2,"sha256":"00ff"}`
	serveExports(t, map[string][]string{"GET /v1/audit/exports/" + testExport: {
		exportJSON("running", file, "null")}})
	check(t, onTerminal(t, 80, "export", "get", testExport), result{Stdout: testExport + `  running 50%
  to        s3://archive/a
  events    2 of 4, of a log of 12
  size      2.0 KiB in 1 file
  created   2026-04-23T20:00:00.000Z by user:\x1b[2Ja
  file      a/part-0001.jsonl  2 events  sha256 00ff
`})
}

func TestExportList(t *testing.T) {
	one := exportJSON("failed", "", `{"code":"destination_conflict","message":"in the way"}`)
	page := `{"exports":[` + one + `],"cursor":null,"has_more":false}`
	serveExports(t, map[string][]string{"GET /v1/audit/exports?limit=100&status=failed": {page},
		"GET /v1/audit/exports?limit=1": {page}})
	check(t, runLine(t, "", "export", "list", "--status", "failed"), result{Stdout: one + "\n"})
	got := onTerminal(t, 140, "export", "list", "--limit", "1")
	for _, text := range []string{"EXPORT", testExport, "failed", "2.0 KiB", "s3://archive/a", `user:\x1b[2Ja`} {
		if !strings.Contains(got.Stdout, text) {
			t.Errorf("%q is not in\n%s", text, got.Stdout)
		}
	}
}

func TestDestination(t *testing.T) {
	for text, want := range map[string]audit.Destination{
		"s3://b/p/q":     {Type: audit.DestinationS3, Bucket: "b", Prefix: "p/q"},
		"gs://b":         {Type: audit.DestinationGCS, Bucket: "b"},
		"azure://c/p":    {Type: audit.DestinationAzure, Bucket: "c", Prefix: "p"},
		"file:p/q":       {Type: audit.DestinationFile, Prefix: "p/q"},
		"file:/srv/here": {Type: audit.DestinationFile, Bucket: "/srv/here"},
	} {
		if got, err := parseDestination(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"b/p", "s3:/b", "S3://b", "http://b/p", "://b"} {
		if got, err := parseDestination(text); err == nil {
			t.Errorf("%s is %+v", text, got)
		}
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "65536": 65536, "64KiB": 65536, "128MiB": 128 << 20, "4GiB": 4 << 30} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("%s: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "1.5MiB", "64KB", "1 MiB", fmt.Sprint(1 << 31)} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("%s is %d", text, got)
		}
	}
}
