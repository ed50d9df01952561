package export_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/blob"
	"github.com/scaivault/audit/internal/export"
	"github.com/scaivault/audit/internal/vfs"
)

// whole checks that a completed export is exactly what it should be: its
// files, its manifest and its event.
func whole(l *sliceLog, c *cloud, tenant audit.TenantID, e audit.Export, scope ...audit.Path) (bad []string) {
	fail := func(format string, args ...any) {
		bad = append(bad, fmt.Sprintf("export %s: ", e.ID)+fmt.Sprintf(format, args...))
	}
	if e.Status != audit.ExportCompleted || e.Progress != 1 || e.CompletedAt == nil || e.Error != nil {
		fail("%+v, %v", e, e.Error)
	}
	f := audit.Filter(e.Filters)
	f.From, f.To, f.Within = e.From, e.To, scope
	var data strings.Builder
	var records uint64
	for i, file := range e.Files {
		o := c.objects[file.Key]
		sum := sha256.Sum256([]byte(o.data))
		if file.Key != fmt.Sprintf("%s/part-%04d.jsonl", e.Destination.Prefix, i+1) || o.owner != e.ID ||
			file.SHA256 != hex.EncodeToString(sum[:]) || file.SizeBytes != int64(len(o.data)) ||
			file.RecordCount != uint64(strings.Count(o.data, "\n")) {
			fail("file %+v is not object %d of %s", file, len(o.data), o.owner)
		}
		records += file.RecordCount
		data.WriteString(o.data)
	}
	if want := l.lines(tenant, f, e.AsOf); data.String() != want {
		fail("%d lines are not the %d of the log", strings.Count(data.String(), "\n"), strings.Count(want, "\n"))
	}
	if e.RecordCount != records || e.RecordCount != e.EstimatedRecords || e.SizeBytes != int64(data.Len()) {
		fail("counts %d of %d records, %d bytes", e.RecordCount, e.EstimatedRecords, e.SizeBytes)
	}
	var m struct {
		ExportID audit.ExportID     `json:"export_id"`
		AsOf     uint64             `json:"as_of"`
		Files    []audit.ExportFile `json:"files"`
	}
	manifest := c.objects[e.Destination.Prefix+"/manifest.json"]
	if err := json.Unmarshal([]byte(manifest.data), &m); err != nil || m.ExportID != e.ID || m.AsOf != e.AsOf ||
		!cmp.Equal(m.Files, e.Files) || e.ManifestKey == nil || manifest.owner != e.ID {
		fail("manifest %s, %v", manifest.data, err)
	}
	if len(c.uploads) > 0 {
		fail("%d uploads are unfinished", len(c.uploads))
	}
	if n := len(l.lines(tenant, audit.Filter{Actions: []audit.Action{audit.ActionExportCreated},
		Extra: []audit.ExtraFilter{{Key: "export_id", Value: string(e.ID)}}}, l.Size(tenant))); n == 0 {
		fail("there is no event about it")
	}
	return bad
}

func check(t *testing.T, bad []string) {
	t.Helper()
	for _, b := range bad {
		t.Error(b)
	}
}

func TestExport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		no := false
		from, to := audit.Time(1_700_000_010)*audit.Second, audit.Time(1_700_000_250)*audit.Second
		filtered := request("some")
		filtered.Filter = audit.Filter{From: &from, To: &to, Success: &no, PathPrefix: "prod/tnt_a"}
		none := request("none")
		none.Filter = audit.Filter{SecretPath: "never/seen"}
		all := w.create(t, "tnt_a", request("all"))
		some := w.create(t, "tnt_a", filtered)
		empty := w.create(t, "tnt_a", none)
		scoped := w.create(t, "tnt_a", request("scoped"), "prod/tnt_a/1", "prod/tnt_a/2")
		other := w.create(t, "tnt_b", request(""))
		if all.Status != audit.ExportPending || all.EstimatedRecords != 450 || all.AsOf != 450 || some.AsOf != 451 ||
			some.EstimatedRecords == 0 || empty.EstimatedRecords != 0 || scoped.EstimatedRecords != 180 {
			t.Errorf("created %+v", []audit.Export{all, some, empty, scoped})
		}
		if other.Destination.Prefix != "scaivault/"+string(other.ID) {
			t.Errorf("prefix %q", other.Destination.Prefix)
		}
		w.runAll(t.Context())
		for _, e := range []audit.Export{all, some, empty} {
			check(t, whole(w.log, w.cloud, "tnt_a", w.get(t, "tnt_a", e.ID)))
		}
		check(t, whole(w.log, w.cloud, "tnt_a", w.get(t, "tnt_a", scoped.ID), "prod/tnt_a/1", "prod/tnt_a/2"))
		check(t, whole(w.log, w.cloud, "tnt_b", w.get(t, "tnt_b", other.ID)))
		if n := len(w.get(t, "tnt_a", all.ID).Files); n < 3 {
			t.Errorf("%d files only; the test proves little", n)
		}
		if n := len(w.get(t, "tnt_a", empty.ID).Files); n != 0 {
			t.Errorf("an export of nothing has %d files", n)
		}
	})
}

func TestEvent(t *testing.T) {
	w := newWorld(t)
	r := request("a\"b")
	r.Filter.Actions = []audit.Action{audit.ActionRead, audit.ActionWrite}
	e := w.create(t, "tnt_a", r)
	got := w.log.records["tnt_a"][450].Event
	want := audit.Event{ID: audit.EventID("log_" + e.ID), Timestamp: e.CreatedAt, Action: audit.ActionExportCreated,
		IdentityType: audit.TypeUser, IdentityID: "user:eve", Success: true, RequestID: "req-1",
		ExtraData: `{"export_id":"` + string(e.ID) + `","format":"jsonl","filters":{"action":"read,write"},` +
			`"destination":{"type":"s3","bucket":"archive","prefix":"a\"b"}}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	if _, err := audit.DecodeEvent(string(got.AppendLine(nil))); err != nil {
		t.Error(err)
	}
}

// TestManifest is the manifest, byte for byte.
func TestManifest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r := request("m")
		yes := true
		r.Filter = audit.Filter{SecretPath: "prod/tnt_b/1", Success: &yes}
		e := w.create(t, "tnt_b", r, "prod")
		w.runAll(t.Context())
		file := w.get(t, "tnt_b", e.ID).Files[0]
		want := fmt.Sprintf(`{
  "manifest": "scaivault-audit export",
  "version": 1,
  "export_id": %q,
  "tenant_id": "tnt_b",
  "created_by": "user:eve",
  "created_at": "2026-06-15T12:00:00.000000Z",
  "as_of": 150,
  "from": null,
  "to": null,
  "filters": {
    "secret_path": "prod/tnt_b/1",
    "success": true
  },
  "path_prefixes": [
    "prod"
  ],
  "format": "jsonl",
  "compression": "none",
  "record_count": 23,
  "size_bytes": %d,
  "files": [
    {
      "key": "m/part-0001.jsonl",
      "size_bytes": %[2]d,
      "record_count": 23,
      "sha256": %q,
      "first_at": "2023-11-14T21:13:22.000000Z",
      "last_at": "2023-11-14T22:14:07.000000Z"
    }
  ]
}
`, e.ID, file.SizeBytes, file.SHA256)
		if diff := cmp.Diff(want, w.cloud.objects["m/manifest.json"].data); diff != "" {
			t.Errorf("manifest (-want +got):\n%s", diff)
		}
		if last := w.cloud.commits[len(w.cloud.commits)-1]; last != "m/manifest.json" {
			t.Errorf("the last object is %s", last)
		}
	})
}

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		stop := make(chan struct{})
		w.cloud.hook = func(op, key string) error {
			if op == "commit" && strings.HasSuffix(key, "part-0002.jsonl") {
				<-stop
			}
			return nil
		}
		id := w.create(t, "tnt_a", request("p")).ID
		w.run(t.Context())
		e := w.get(t, "tnt_a", id)
		first := w.cloud.objects["p/part-0001.jsonl"].data
		if e.Status != audit.ExportRunning || e.StartedAt == nil || len(e.Files) != 1 ||
			e.RecordCount <= e.Files[0].RecordCount || e.SizeBytes <= e.Files[0].SizeBytes || e.ManifestKey != nil ||
			e.Progress != float64(e.RecordCount)/450 || int64(len(first)) != e.Files[0].SizeBytes {
			t.Errorf("in the second file: %+v", e)
		}
		close(stop)
		synctest.Wait()
		w.stop()
		check(t, whole(w.log, w.cloud, "tnt_a", w.get(t, "tnt_a", id)))
	})
}

// A refused request leaves nothing, no event either, and says what is wrong with
// which field.
func TestRefused(t *testing.T) {
	w := newWorld(t)
	w.cloud.objects["first/part-0001.jsonl"] = stored{"exp_other", "precious"}
	w.cloud.objects["done/manifest.json"] = stored{"exp_other", "precious"}
	for name, tt := range map[string]struct {
		change func(*audit.ExportRequest, *audit.Caller)
		code   audit.Code
		field  string
	}{
		"no secret": {func(r *audit.ExportRequest, _ *audit.Caller) { r.CredentialsPath = "nothing" },
			audit.CodeAccessDenied, "destination.credentials_path"},
		"forbidden": {func(_ *audit.ExportRequest, c *audit.Caller) { c.Bearer = "bad" },
			audit.CodeAccessDenied, "destination.credentials_path"},
		"no bucket": {func(r *audit.ExportRequest, _ *audit.Caller) { r.Destination.Bucket = "no-such-bucket" },
			audit.CodeDestinationUnavailable, "destination.bucket"},
		"first file there": {func(r *audit.ExportRequest, _ *audit.Caller) { r.Destination.Prefix = "first" },
			audit.CodeDestinationConflict, "destination.prefix"},
		"manifest there": {func(r *audit.ExportRequest, _ *audit.Caller) { r.Destination.Prefix = "done" },
			audit.CodeDestinationConflict, "destination.prefix"},
	} {
		r, c := request("x"), caller("tnt_a")
		tt.change(&r, &c)
		_, _, err := w.Create(t.Context(), "tnt_a", c, r)
		var e *audit.Error
		if audit.ErrorCode(err) != tt.code {
			t.Errorf("%s: error %v; want %s", name, err, tt.code)
		} else if e = err.(*audit.Error); len(e.Fields) != 1 || e.Fields[0].Field != tt.field ||
			strings.Contains(e.Message, canary) {
			t.Errorf("%s: %+v", name, e)
		}
	}
	page, err := w.List(t.Context(), "tnt_a", audit.ExportQuery{})
	if err != nil || len(page.Exports) != 0 || w.log.Size("tnt_a") != 450 {
		t.Errorf("left %+v, %v and %d events", page, err, w.log.Size("tnt_a"))
	}
}

// A client that goes away while its export is made leaves an export and its
// event, not one of the two.
func TestClientGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		w.disk.(*vfs.Mem).OnOp(func(vfs.Op) { cancel() })
		e, _, err := w.Create(ctx, "tnt_a", caller("tnt_a"), request("x"))
		w.disk.(*vfs.Mem).OnOp(nil)
		if err != nil || ctx.Err() == nil {
			t.Fatalf("error %v; the context %v", err, ctx.Err())
		}
		w.runAll(t.Context())
		check(t, whole(w.log, w.cloud, "tnt_a", w.get(t, "tnt_a", e.ID)))
	})
}

// What a destination answers becomes a code and a field, in the words of this
// program; a directory has no credentials to blame.
func TestReasons(t *testing.T) {
	for _, tt := range []struct {
		kind  audit.DestinationType
		err   error
		field string
		says  string
	}{
		{audit.DestinationS3, blob.ErrNotFound, "bucket", "there is no such bucket"},
		{audit.DestinationS3, blob.ErrDenied, "credentials_path", "they do not allow to write to the bucket"},
		{audit.DestinationGCS, blob.ErrCredentials, "credentials_path",
			"the secret does not hold the members that the destination needs"},
		{audit.DestinationAzure, blob.ErrAddress, "credentials_path",
			"the operator does not allow the endpoint that the secret names"},
		{audit.DestinationS3, blob.ErrFull, "bucket", "there is no room in it"},
		{audit.DestinationS3, blob.ErrClock, "bucket",
			"the store refuses the time of this server; one of the two clocks is wrong"},
		{audit.DestinationS3, context.DeadlineExceeded, "bucket", "it does not answer"},
		{audit.DestinationS3, io.ErrUnexpectedEOF, "bucket", "it cannot be used; the server's log says more"},
		{audit.DestinationFile, blob.ErrNotFound, "bucket",
			"there is no such directory among those that the operator allows"},
		{audit.DestinationFile, blob.ErrDenied, "bucket", "the server may not write to the directory"},
		{audit.DestinationFile, blob.ErrAddress, "bucket", "the operator does not allow the directory"},
		{audit.DestinationFile, blob.ErrFull, "bucket", "there is no room in it"},
		{audit.DestinationFile, io.ErrUnexpectedEOF, "bucket",
			"the directory cannot be used; the server's log says more"},
	} {
		w := newWorld(t)
		w.cloud.hook = func(op, _ string) error {
			if op == "check" {
				return fmt.Errorf("%s: %w", canary, tt.err)
			}
			return nil
		}
		r := request("x")
		if r.Destination.Type = tt.kind; tt.kind == audit.DestinationFile {
			r.Destination.Bucket, r.CredentialsPath = "", ""
		}
		_, _, err := w.Create(t.Context(), "tnt_a", caller("tnt_a"), r)
		var e *audit.Error
		want := []audit.FieldError{{Field: "destination." + tt.field, Message: tt.says}}
		if !errors.As(err, &e) || e.Code != audit.CodeDestinationUnavailable || !cmp.Equal(e.Fields, want) ||
			strings.Contains(e.Message, canary) {
			t.Errorf("%s, %v: %+v", tt.kind, tt.err, e)
		}
	}
}

// Nothing that is kept, logged or answered holds a credential, whatever goes
// wrong.
func TestCredentialsStayInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.cloud.objects["taken/part-0002.jsonl"] = stored{"exp_other", "precious"}
		ids := []audit.ExportID{w.create(t, "tnt_a", request("fine")).ID, w.create(t, "tnt_a", request("taken")).ID}
		w.runAll(t.Context())
		for _, id := range ids {
			answer, err := json.Marshal(w.get(t, "tnt_a", id))
			if err != nil || strings.Contains(string(answer), canary) {
				t.Errorf("answer %s, %v", answer, err)
			}
			data, err := vfs.ReadFile(w.disk, "data/exports/tnt_a/"+string(id)+".json")
			if err != nil || strings.Contains(string(data), canary) || strings.Contains(string(data), token) {
				t.Errorf("document %s, %v", data, err)
			}
		}
		for _, o := range w.cloud.objects {
			if strings.Contains(o.data, canary) {
				t.Error("an object holds a credential")
			}
		}
		if strings.Contains(w.out.String(), token) {
			t.Error("the log holds a token")
		}
	})
}

func TestCredentialsSayNothing(t *testing.T) {
	c := blob.Credentials{"key": canary}
	var b strings.Builder
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "c", c, "place", export.Place{Credentials: c})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&b, verb+verb, c, export.Place{Credentials: c})
	}
	if err := json.NewEncoder(&b).Encode(c); err != nil {
		t.Error(err)
	}
	if text := b.String(); strings.Contains(text, canary) || strings.Contains(text, hex.EncodeToString([]byte(canary))) {
		t.Errorf("they say %s", text)
	}
}

func TestConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.cloud.objects["taken/part-0002.jsonl"] = stored{"exp_other", "precious"}
		id := w.create(t, "tnt_a", request("taken")).ID
		w.runAll(t.Context())
		e := w.get(t, "tnt_a", id)
		if e.Status != audit.ExportFailed || e.Error == nil || e.Error.Code != audit.CodeDestinationConflict ||
			!strings.Contains(e.Error.Message, "taken/part-0002.jsonl") || len(e.Files) != 1 || e.ManifestKey != nil {
			t.Errorf("%+v, %+v", e, e.Error)
		}
		if w.cloud.objects["taken/part-0002.jsonl"].data != "precious" || len(w.cloud.uploads) > 0 {
			t.Error("the object in the way was touched, or an upload is left")
		}
		if _, ok := w.cloud.objects["taken/manifest.json"]; ok {
			t.Error("a failed export has a manifest")
		}
	})
}

// Two exports to one prefix: the first to write wins, the other touches nothing.
func TestTwoExportsOneePrefix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a, b := w.create(t, "tnt_a", request("same")), w.create(t, "tnt_b", request("same"))
		w.runAll(t.Context())
		ea, eb := w.get(t, "tnt_a", a.ID), w.get(t, "tnt_b", b.ID)
		got := []audit.ExportStatus{ea.Status, eb.Status}
		slices.Sort(got)
		// Both may win a file; then both have failed.
		if slices.Equal(got, []audit.ExportStatus{audit.ExportCompleted, audit.ExportCompleted}) {
			t.Error("both are completed")
		}
		for tenant, e := range map[audit.TenantID]audit.Export{"tnt_a": ea, "tnt_b": eb} {
			if e.Status == audit.ExportCompleted {
				check(t, whole(w.log, w.cloud, tenant, e))
			} else if e.Error.Code != audit.CodeDestinationConflict {
				t.Errorf("%+v", e.Error)
			}
		}
	})
}

func TestPlan(t *testing.T) {
	w := newWorld(t)
	plan, err := w.Plan(t.Context(), "tnt_a", caller("tnt_a"), request("x"))
	if err != nil {
		t.Fatal(err)
	}
	size := uint64(len(w.log.lines("tnt_a", audit.Filter{}, 450)))
	want := audit.ExportPlan{EstimatedRecords: 450, EstimatedBytes: size, EstimatedParts: 1 + (size-1)/audit.MinPartSize,
		Checks: []audit.ExportCheck{{Name: "credentials", OK: true}, {Name: "bucket", OK: true},
			{Name: "prefix", OK: true}}}
	if diff := cmp.Diff(want, plan); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	r := request("x")
	r.Destination.Bucket = "no-such-bucket"
	plan, err = w.Plan(t.Context(), "tnt_a", caller("tnt_a", "none/of/it"), r)
	want = audit.ExportPlan{Checks: []audit.ExportCheck{{Name: "credentials", OK: true},
		{Name: "bucket", Message: "destination.bucket: there is no such bucket"},
		{Name: "prefix", Message: "was not tried without bucket"}}}
	if diff := cmp.Diff(want, plan); diff != "" || err != nil {
		t.Errorf("plan %v (-want +got):\n%s", err, diff)
	}
	r.CredentialsPath = "nothing"
	plan, err = w.Plan(t.Context(), "tnt_a", caller("tnt_a", "none/of/it"), r)
	want.Checks = []audit.ExportCheck{
		{Name: "credentials", Message: "destination.credentials_path: there is no such secret, or it is not for you"},
		{Name: "bucket", Message: "was not tried without credentials"},
		{Name: "prefix", Message: "was not tried without credentials"}}
	if diff := cmp.Diff(want, plan); diff != "" || err != nil {
		t.Errorf("plan %v (-want +got):\n%s", err, diff)
	}
	w.cloud.objects["taken/manifest.json"] = stored{"exp_other", "precious"}
	plan, err = w.Plan(t.Context(), "tnt_a", caller("tnt_a", "none/of/it"), request("taken"))
	want.Checks = []audit.ExportCheck{{Name: "credentials", OK: true}, {Name: "bucket", OK: true}, {Name: "prefix",
		Message: "destination.prefix: taken/manifest.json: an object that this export did not write is in the way; " +
			"choose another prefix"}}
	if diff := cmp.Diff(want, plan); diff != "" || err != nil {
		t.Errorf("plan %v (-want +got):\n%s", err, diff)
	}
	page, _ := w.List(t.Context(), "tnt_a", audit.ExportQuery{})
	if len(page.Exports) != 0 || w.log.Size("tnt_a") != 450 || len(w.cloud.objects) != 1 {
		t.Error("a plan has made something")
	}
}
