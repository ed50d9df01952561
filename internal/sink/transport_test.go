package sink_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/protobuf/proto"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/sink"
	"github.com/scaivault/audit/internal/vfs"
)

// kept is a request as a receiver got it.
type kept struct {
	path   string
	header http.Header
	raw    []byte // as it came
	body   string // decompressed
}

// stub is a receiver on loopback that keeps requests and answers as told.
type stub struct {
	*httptest.Server
	mu   sync.Mutex
	list []kept
}

func newStub(t *testing.T, withTLS bool, answer func(k kept, w http.ResponseWriter)) *stub {
	t.Helper()
	s := new(stub)
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(raw))
		k := kept{r.URL.RequestURI(), r.Header, raw, decoded(r)}
		s.mu.Lock()
		s.list = append(s.list, k)
		s.mu.Unlock()
		if answer != nil {
			answer(k, w)
		}
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if withTLS {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

func (s *stub) kept() []kept {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.list)
}

// certificate returns the certificate of the stub in PEM.
func (s *stub) certificate() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
}

// send makes a sink over a log of n events on loopback and runs it until it has
// no more to send, or until done says so.
func send(t *testing.T, w *world, n int, body string, done func(audit.SinkStatus) bool) audit.SinkStatus {
	t.Helper()
	w.log, w.egress = newLog(), &loopback{}
	if w.disk == nil {
		w.disk = vfs.NewMem()
	}
	w.log.fill(tenantA, n)
	w.open(t)
	if _, err := w.Create(t.Context(), tenantA, ada, request(t, body)); err != nil {
		t.Fatal(err)
	}
	w.run(t)
	defer w.stop()
	if done == nil {
		done = func(st audit.SinkStatus) bool { return st.LagEvents == 0 }
	}
	return w.until(t, done)
}

// until returns how the sink does once it does so.
func (w *world) until(t *testing.T, done func(audit.SinkStatus) bool) audit.SinkStatus {
	t.Helper()
	for {
		st := w.status(t)
		if done(st) {
			return st
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("got %+v", st)
		case <-time.After(time.Millisecond):
		}
	}
}

const members = `"from_index":0,"batch_events":10,"secret_path":"sinks/it"`

// TestHTTPS checks what is signed, and with what headers.
func TestHTTPS(t *testing.T) {
	for _, plain := range []bool{false, true} {
		s := newStub(t, true, nil)
		w := &world{secrets: secrets{"ca": s.certificate(), "hmac_key": "k3y", "bearer": "Bearer abc"}}
		st := send(t, w, 24, `{"name":"siem","type":"https","url":"`+s.URL+`/in?a=b",
			"headers":{"Authorization":"bearer"},"plain":`+strconv.FormatBool(plain)+`,`+members+`}`, nil)
		var got []string
		for _, k := range s.kept() {
			got = append(got, ids(k.body)...)
			mac := hmac.New(sha256.New, []byte("k3y"))
			fmt.Fprintf(mac, "%s.%s", k.header.Get("X-ScaiVault-Timestamp"), k.raw)
			if k.header.Get("X-ScaiVault-Signature") != "sha256="+hex.EncodeToString(mac.Sum(nil)) {
				t.Errorf("signature %q", k.header.Get("X-ScaiVault-Signature"))
			}
			if k.path != "/in?a=b" || k.header.Get("Authorization") != "Bearer abc" ||
				k.header.Get("Content-Type") != "application/x-ndjson" ||
				(k.header.Get("Content-Encoding") == "gzip") == plain || k.header.Get("X-ScaiVault-Tenant") != "tnt_a" {
				t.Errorf("%s %v", k.path, k.header)
			}
		}
		if want := w.log.idsOf(tenantA, 0); !slices.Equal(got, want) || st.Delivered != 25 {
			t.Errorf("got %v", got)
		}
		if events := s.kept()[2].header.Get("X-ScaiVault-Events"); events != "20-24" {
			t.Errorf("events %q", events)
		}
	}
}

func TestHTTPSArray(t *testing.T) {
	s := newStub(t, false, nil)
	send(t, new(world), 4, `{"name":"siem","type":"https","url":"`+s.URL+`","array":true,"from_index":0}`, nil)
	var events []audit.Event
	if err := json.Unmarshal([]byte(s.kept()[0].body), &events); err != nil || len(events) != 5 {
		t.Errorf("%d events, %v", len(events), err)
	}
}

// TestUntrustedReceiver has a certificate that nobody vouches for: nothing is
// sent, and no credential is told.
func TestUntrustedReceiver(t *testing.T) {
	s := newStub(t, true, nil)
	st := send(t, &world{secrets: secrets{"token": "s3cret-token"}}, 1, `{"name":"siem","type":"splunk_hec","url":"`+s.URL+`",`+members+`}`,
		func(st audit.SinkStatus) bool { return st.Failures > 0 })
	if len(s.kept()) > 0 || !strings.Contains(st.LastError, "certificate") || strings.Contains(st.LastError, "s3cret") {
		t.Errorf("got %+v", st)
	}
}

// TestCreateWithoutSecret refuses a sink whose secret is not there or lacks something,
// and makes nothing.
func TestCreateWithoutSecret(t *testing.T) {
	pem := "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"
	for name, test := range map[string]struct {
		secrets secrets
		body    string
		code    audit.Code
		says    string
	}{
		"none": {secrets{}, `{"name":"siem","type":"splunk_hec","url":"https://siem.test","secret_path":"sinks/other"}`,
			audit.CodeAccessDenied, "no such secret"},
		"no token": {secrets{"tokn": "s3cret"}, `{"name":"siem","type":"splunk_hec","url":"https://siem.test","secret_path":"sinks/it"}`,
			audit.CodeDestinationUnavailable, "no member token"},
		"no header": {secrets{"token": "s3cret"}, `{"name":"siem","type":"https","url":"https://siem.test","secret_path":"sinks/it","headers":{"X-Key":"key"}}`,
			audit.CodeDestinationUnavailable, "no member key"},
		"no certificate": {secrets{"ca": pem}, `{"name":"siem","type":"syslog","url":"tls://siem.test:6514","secret_path":"sinks/it"}`,
			audit.CodeDestinationUnavailable, "member ca"},
	} {
		w := &world{log: newLog(), egress: &loopback{}, disk: vfs.NewMem(), secrets: test.secrets}
		w.open(t)
		_, err := w.Create(t.Context(), tenantA, ada, request(t, test.body))
		e, ok := errors.AsType[*audit.Error](err)
		if !ok || e.Code != test.code || !strings.Contains(e.Message, test.says) || strings.Contains(e.Message, "s3cret") ||
			len(e.Fields) != 1 || e.Fields[0].Field != "secret_path" {
			t.Errorf("%s: %+v", name, e)
		}
		if n := len(w.List(t.Context(), tenantA)); n != 0 || w.log.Size(tenantA) != 0 {
			t.Errorf("%s: %d sinks, %d events", name, n, w.log.Size(tenantA))
		}
	}
}

// TestMissingMember names what the secret lacks that it once had, and no value.
func TestMissingMember(t *testing.T) {
	w := &world{log: newLog(), egress: &loopback{}, disk: vfs.NewMem(), secrets: secrets{"token": "s3cret-token"}}
	w.log.fill(tenantA, 1)
	w.open(t)
	body := `{"name":"siem","type":"splunk_hec","url":"https://siem.test",` + members + `}`
	if _, err := w.Create(t.Context(), tenantA, ada, request(t, body)); err != nil {
		t.Fatal(err)
	}
	delete(w.secrets, "token")
	w.run(t)
	defer w.stop()
	st := w.until(t, func(st audit.SinkStatus) bool { return st.Failures > 0 })
	if st.LastError != "credentials: the secret has no member token" {
		t.Errorf("got %q", st.LastError)
	}
}

func TestHEC(t *testing.T) {
	s := newStub(t, false, func(_ kept, w http.ResponseWriter) { io.WriteString(w, `{"text":"Success","code":0}`) })
	w := &world{secrets: secrets{"token": "t0ken"}}
	send(t, w, 14, `{"name":"siem","type":"splunk_hec","url":"`+s.URL+`",
		"index":"audit","host":"vault-1","format":"cef",`+members+`}`, nil)
	k := s.kept()[0]
	if k.path != "/services/collector/event" || k.header.Get("Authorization") != "Splunk t0ken" {
		t.Errorf("%s %v", k.path, k.header)
	}
	n := 0
	for d := json.NewDecoder(strings.NewReader(k.body)); d.More(); n++ {
		var event struct {
			Time                            json.Number
			Index, Host, Source, SourceType string
			Event                           string
		}
		if err := d.Decode(&event); err != nil {
			t.Fatal(err)
		}
		if event.Index != "audit" || event.Host != "vault-1" || event.SourceType != "scaivault:audit:cef" ||
			!strings.HasPrefix(event.Event, "CEF:0|ScaiVault|Audit|") ||
			event.Time.String() != w.log.timeOf(tenantA, n) {
			t.Errorf("got %+v", event)
		}
	}
	if n != 10 {
		t.Errorf("%d events, want 10", n)
	}
}

// timeOf returns when an event of a log happened, in seconds with six decimals.
func (l *sliceLog) timeOf(tenant audit.TenantID, index int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.records[tenant][index].Timestamp
	return fmt.Sprintf("%d.%06d", t/audit.Second, t%audit.Second)
}

// TestHECAcknowledgement counts a batch once it is indexed, and sends it again
// if it is not.
func TestHECAcknowledgement(t *testing.T) {
	var mu sync.Mutex
	asked, batches := 0, 0
	s := newStub(t, false, func(k kept, w http.ResponseWriter) {
		mu.Lock()
		defer mu.Unlock()
		if !strings.HasPrefix(k.path, "/services/collector/ack?channel=") {
			batches++
			fmt.Fprintf(w, `{"text":"Success","code":0,"ackId":%d}`, batches)
			return
		}
		asked++
		fmt.Fprintf(w, `{"acks":{"%d":%v}}`, batches, asked > 1)
	})
	st := send(t, &world{secrets: secrets{"token": "t0ken"}}, 4,
		`{"name":"siem","type":"splunk_hec","url":"`+s.URL+`","ack":true,`+members+`}`, nil)
	if list := s.kept(); len(list) != 3 || list[0].header.Get("X-Splunk-Request-Channel") == "" || st.Delivered != 5 {
		t.Errorf("%d requests, %+v", len(list), st)
	}
}

// TestHECSetup has a collector that knows no such index: it says 400, but it is
// not for the events.
func TestHECSetup(t *testing.T) {
	s := newStub(t, false, func(_ kept, w http.ResponseWriter) {
		w.WriteHeader(400)
		io.WriteString(w, `{"text":"Incorrect index","code":7}`)
	})
	st := send(t, &world{secrets: secrets{"token": "t0ken"}}, 4, `{"name":"siem","type":"splunk_hec","url":"`+s.URL+`",`+members+`}`,
		func(st audit.SinkStatus) bool { return st.Failures > 0 })
	if st.SetAside != 0 || st.NextIndex != 0 || !strings.Contains(st.LastError, "Incorrect index") {
		t.Errorf("got %+v", st)
	}
}

func TestOTLP(t *testing.T) {
	var mu sync.Mutex
	var got []string
	s := newStub(t, false, func(k kept, w http.ResponseWriter) {
		var r collogs.ExportLogsServiceRequest
		if err := proto.Unmarshal([]byte(k.body), &r); err != nil {
			w.WriteHeader(400)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		records := r.ResourceLogs[0].ScopeLogs[0].LogRecords
		said := &collogs.ExportLogsServiceResponse{}
		for _, rec := range records {
			if strings.Contains(rec.Body.GetStringValue(), `"prod/7"`) { // refused, in a success
				said.PartialSuccess = &collogs.ExportLogsPartialSuccess{RejectedLogRecords: 1, ErrorMessage: "seven"}
			}
		}
		if said.PartialSuccess == nil {
			for _, rec := range records {
				got = append(got, rec.Attributes[0].Value.GetStringValue())
				if rec.EventName == "" || rec.TimeUnixNano == 0 || rec.ObservedTimeUnixNano == 0 || rec.SeverityNumber == 0 {
					t.Errorf("got %v", rec)
				}
			}
		}
		b, _ := proto.Marshal(said)
		w.Write(b)
	})
	w := new(world)
	st := send(t, w, 14, `{"name":"siem","type":"otlp","url":"`+s.URL+`","batch_events":10,"from_index":0}`, nil)
	want := slices.Delete(w.log.idsOf(tenantA, 0), 7, 8)
	if !slices.Equal(got, want) || st.SetAside != 1 || s.kept()[0].path != "/v1/logs" {
		t.Errorf("got %v, %+v", got, st)
	}
	list, err := w.Manager.SetAside(tenantA, "siem")
	if err != nil || list[0].ID != audit.DerivedID(0, 7) || !strings.Contains(list[0].Reason, "seven") {
		t.Errorf("got %+v, %v", list, err)
	}
}

// frames reads messages of syslog whose octets are counted, until the stream ends.
func frames(r io.Reader) []string {
	text, _ := io.ReadAll(r)
	var list []string
	for len(text) > 0 {
		length, rest, ok := bytes.Cut(text, []byte(" "))
		n, err := strconv.Atoi(string(length))
		if !ok || err != nil || n > len(rest) {
			return append(list, "malformed: "+string(text))
		}
		list, text = append(list, string(rest[:n])), rest[n:]
	}
	return list
}

func TestSyslog(t *testing.T) {
	certified := newStub(t, true, nil)
	for _, scheme := range []string{"tcp", "tls"} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := listener.Addr().String()
		if scheme == "tls" {
			listener = tls.NewListener(listener, certified.TLS)
		}
		got := make(chan []string)
		go func() {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			got <- frames(conn)
		}()
		w := &world{secrets: secrets{"ca": certified.certificate()}}
		send(t, w, 24, `{"name":"siem","type":"syslog","url":"`+scheme+`://`+addr+`","host":"vault-1",`+members+`}`, nil)
		var list []string
		messages := <-got
		for _, m := range messages {
			header, line, _ := strings.Cut(m, " - {")
			if e, err := audit.DecodeEvent("{" + line); err != nil {
				t.Errorf("%s: %q: %v", scheme, m, err)
			} else {
				list = append(list, string(e.ID))
				priority := map[bool]string{true: "<110>1 ", false: "<108>1 "}[e.Success]
				if header != priority+e.Timestamp.String()+" vault-1 scaivault-audit - "+string(e.Action) {
					t.Errorf("header %q", header)
				}
			}
		}
		if want := w.log.idsOf(tenantA, 0); !slices.Equal(list, want) {
			t.Errorf("%s: got %v", scheme, list)
		}
		listener.Close()
	}
}

// files returns the lines of a sink's files, one list for each file.
func files(t *testing.T, disk vfs.FS) [][]string {
	t.Helper()
	names, err := disk.List("out/tnt_a")
	if err != nil {
		t.Fatal(err)
	}
	var list [][]string
	for i, name := range names {
		if want := fmt.Sprintf("siem-%06d.jsonl", i+1); name != want {
			t.Errorf("file %s, want %s", name, want)
		}
		text, err := vfs.ReadFile(disk, "out/tnt_a/"+name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, ids(string(text)))
	}
	return list
}

func TestFile(t *testing.T) {
	w := new(world)
	send(t, w, 999, `{"name":"siem","type":"file","file_bytes":65536,"batch_events":100,"from_index":0}`, nil)
	list := files(t, w.disk)
	if got, want := slices.Concat(list...), w.log.idsOf(tenantA, 0); !slices.Equal(got, want) {
		t.Errorf("got %d events, want %d", len(got), len(want))
	}
	if len(list) != 5 { // 245 bytes each, 200 of them in a file
		t.Errorf("%d files, want 5", len(list))
	}
}

// TestFileNthFailure lets the n-th operation on the disk fail, for every n: what
// is in the files is every event, in order, but for what was sent twice and half
// a line at the end of a file.
func TestFileNthFailure(t *testing.T) {
	fired := true
	for n := 0; fired; n++ {
		synctest.Test(t, func(t *testing.T) {
			disk := vfs.NewMem()
			w := &world{log: newLog(), disk: disk, egress: newPipes()}
			w.log.fill(tenantA, 24)
			w.open(t)
			if _, err := w.Create(t.Context(), tenantA, ada,
				request(t, `{"name":"siem","type":"file","batch_events":10,"from_index":0}`)); err != nil {
				t.Fatal(err)
			}
			failing := vfs.Fail(disk, n, errors.New("no luck"))
			w.disk = failing
			if err := w.tryOpen(); err != nil || len(w.List(t.Context(), tenantA)) == 0 {
				return // nothing was sent, on record
			}
			w.run(t)
			time.Sleep(time.Minute)
			w.stop()
			fired = failing.Fired()
			list := slices.Concat(files(t, disk)...)
			want := w.log.idsOf(tenantA, 0)
			for i, id := range list {
				if i > 0 && id < list[i-1] && !slices.Contains(list[:i], id) {
					t.Errorf("operation %d fails: %s is out of order", n, id)
				}
			}
			slices.Sort(list)
			if list = slices.Compact(list); !slices.Equal(list, want) {
				t.Errorf("operation %d fails: got %v", n, list)
			}
		})
	}
}

// BenchmarkSink takes events from the log's lines to a file, and signed and
// compressed to a receiver on this machine, whose work it is, too, to read them.
// The cursor is synced once a batch, and so is the file. What counts is the work
// of the processor: most of the time goes into waiting for the disk.
func BenchmarkSink(b *testing.B) {
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
	}))
	defer receiver.Close()
	for _, to := range []string{`"type":"file"`, `"type":"https","secret_path":"sinks/it","url":"` + receiver.URL + `"`} {
		kind, _, _ := strings.Cut(to[len(`"type":"`):], `"`)
		for _, format := range []string{"json", "ocsf", "ecs", "cef"} {
			if kind == "https" && format == "cef" {
				continue // is for lines
			}
			b.Run(kind+"/"+format, func(b *testing.B) { benchmarkSink(b, to+`,"format":"`+format+`"`) })
		}
	}
}

func benchmarkSink(b *testing.B, kind string) {
	l := newLog()
	l.fill(tenantA, b.N)
	m, err := sink.Open(vfs.OS{}, b.TempDir(), sink.Options{Log: l, Secrets: secrets{"hmac_key": "key"}, Egress: &loopback{},
		Clock: time.Now, Logger: slog.New(slog.DiscardHandler), Files: b.TempDir(), Version: "1"})
	if err != nil {
		b.Fatal(err)
	}
	r, err := audit.DecodeSinkRequest(`{"name":"siem","from_index":0,`+kind+`}`, true)
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	begun := worked(b)
	if _, err := m.Create(b.Context(), tenantA, ada, r); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { m.Run(ctx) })
	defer running.Wait()
	defer cancel()
	var st audit.SinkStatus
	for st.Delivered < uint64(b.N) {
		time.Sleep(time.Millisecond)
		if st, err = m.Sink(ctx, tenantA, "siem"); err != nil || st.Failures > 0 {
			b.Fatal(st.LastError, err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(b.N)/(worked(b)-begun).Seconds(), "events/cpu-s")
}

// worked returns the time that processors spent on this process.
func worked(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
