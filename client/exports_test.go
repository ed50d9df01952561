package client_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
)

const exportID audit.ExportID = "exp_01JZ0000000000000000000000"

func TestExportRequests(t *testing.T) {
	from, yes := audit.Time(0), true
	r := audit.ExportRequest{
		Filter: audit.Filter{From: &from, Success: &yes, Within: []audit.Path{"does/not/travel"},
			Actions: []audit.Action{"read", "write"}, Extra: []audit.ExtraFilter{{Key: "n", Value: "1"}}},
		Format: audit.FormatCSV, Compression: audit.CompressionGzip, PartSize: 65536, Key: "k",
		Destination:     audit.Destination{Type: audit.DestinationS3, Bucket: "bkt", Prefix: "p"},
		CredentialsPath: "c",
	}
	const body = `{"from":"1970-01-01T00:00:00.000000Z",` +
		`"filters":{"action":"read,write","extra.n":"1","success":true},"format":"csv","compression":"gzip",` +
		`"part_size_bytes":65536,"destination":{"type":"s3","bucket":"bkt","prefix":"p","credentials_path":"c"}}`
	tests := []struct {
		name string
		call func(context.Context, *client.Client) error
		want string
	}{
		{"create", func(ctx context.Context, c *client.Client) error {
			_, err := c.CreateExport(ctx, r)
			return err
		}, "POST /v1/audit/export k " + body},
		{"plan", func(ctx context.Context, c *client.Client) error {
			_, err := c.PlanExport(ctx, r)
			return err
		}, "POST /v1/audit/export?dry_run=true k " + body},
		{"list", func(ctx context.Context, c *client.Client) error {
			_, err := c.Exports(ctx, audit.ExportQuery{Status: audit.ExportFailed, Limit: 3, Cursor: "x"})
			return err
		}, "GET /v1/audit/exports?cursor=x&limit=3&status=failed  "},
		{"get", func(ctx context.Context, c *client.Client) error {
			_, err := c.Export(ctx, exportID)
			return err
		}, "GET /v1/audit/exports/" + string(exportID) + "  "},
		{"cancel", func(ctx context.Context, c *client.Client) error {
			_, err := c.CancelExport(ctx, exportID)
			return err
		}, "DELETE /v1/audit/exports/" + string(exportID) + "  "},
		{"resume", func(ctx context.Context, c *client.Client) error {
			_, err := c.ResumeExport(ctx, exportID)
			return err
		}, "POST /v1/audit/exports/" + string(exportID) + "/resume  "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got string
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				got = fmt.Sprintf("%s %s %s %s", r.Method, r.RequestURI, r.Header.Get("Idempotency-Key"), body)
				io.WriteString(w, "{}")
			})
			if err := tt.call(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("server read  %s\nwant         %s", got, tt.want)
			}
		})
	}
	read, err := audit.DecodeExportRequest(body)
	r.Filter.Within, r.Key = nil, ""
	if diff := cmp.Diff(r, read); diff != "" || err != nil {
		t.Errorf("the server reads %v (-want +got):\n%s", err, diff)
	}
}

func TestWatchExport(t *testing.T) {
	for _, last := range []audit.ExportStatus{"completed", "failed", "cancelled", "paused"} {
		var asked int
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			status := []audit.ExportStatus{"pending", "running", last}[asked]
			asked++
			fmt.Fprintf(w, `{"export_id":%q,"status":%q,"filters":{"action":"read"},"more":1}`, exportID, status)
		})
		var got []audit.ExportStatus
		for e, err := range c.WatchExport(t.Context(), exportID) {
			if err != nil || len(e.Filters.Actions) != 1 {
				t.Fatalf("%+v, %v", e, err)
			}
			got = append(got, e.Status)
		}
		if diff := cmp.Diff([]audit.ExportStatus{"pending", "running", last}, got); diff != "" {
			t.Errorf("statuses (-want +got):\n%s", diff)
		}
	}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { t.Error("the server was asked") })
	for _, err := range c.WatchExport(t.Context(), "exp_../logs") {
		if audit.ErrorCode(err) != audit.CodeValidationError {
			t.Errorf("error %v; want a %s", err, audit.CodeValidationError)
		}
	}
}
