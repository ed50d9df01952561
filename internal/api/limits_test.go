package api_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/api"
)

const (
	event      = `{"action":"login","identity_type":"user","identity_id":"user:x","success":true}`
	jsonType   = "Content-Type: application/json"
	ndjsonType = "Content-Type: application/x-ndjson"
)

// request is a GET whose line and headers have n bytes, the URL at most url.
func request(n, url int) string {
	path := "/v1/version?"
	target := path + strings.Repeat("a", url-len(path))
	text := "GET " + target + " HTTP/1.1\r\nHost: audit.test\r\nConnection: close\r\nX-Fill: "
	end := "\r\n\r\n"
	return text + strings.Repeat("b", n-len(text)-len(end)) + end
}

func TestHeaderLimit(t *testing.T) {
	s := start(t)
	if r := s.send(t, "GET", request(api.MaxHeader, 100)); r.StatusCode != 400 {
		t.Errorf("at the limit: %d, want the handler's 400 for an unknown parameter", r.StatusCode)
	}
	r := s.send(t, "GET", request(api.MaxHeader+1, 100))
	if r.StatusCode != 431 || !r.Close {
		t.Errorf("one past it: %d, close %t; want 431 and close", r.StatusCode, r.Close)
	}
}

func TestURLLimit(t *testing.T) {
	s := start(t)
	for extra, want := range map[int]string{0: "invalid_request", 1: "uri_too_long"} {
		r := s.send(t, "GET", request(api.MaxURL+1000, api.MaxURL+extra))
		if code := r.member("error.code"); code != want {
			t.Errorf("%d past the limit: %v, want %s", extra, code, want)
		}
	}
}

func zipped(body string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, body)
	w.Close()
	return b.String()
}

func zstded(body string) string {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err)
	}
	return string(w.EncodeAll([]byte(body), nil))
}

// skippable is a zstd frame of n bytes that holds nothing (RFC 8878, 3.1.2).
func skippable(n int) string {
	b := binary.LittleEndian.AppendUint32(nil, 0x184D2A50)
	b = binary.LittleEndian.AppendUint32(b, uint32(n-8))
	return string(b) + strings.Repeat("x", n-8)
}

func TestBodyLimits(t *testing.T) {
	s := start(t)
	padded := func(n int) string { return event + strings.Repeat(" ", n-len(event)) }
	filled := func(n int) string { frame := zstded(event); return frame + skippable(n-len(frame)) }
	events := func(n int) string { return strings.Repeat(event+"\n", n) }
	chunked := func(body string) string { return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body) }
	const gz, zs, te = "Content-Encoding: gzip", "Content-Encoding: zstd", "Transfer-Encoding: chunked"
	for _, c := range []struct {
		name   string
		status int
		body   string
		lines  []string
	}{
		{"decoded", 200, padded(api.MaxDecodedBody), []string{jsonType}},
		{"decoded", 413, padded(api.MaxDecodedBody + 1), []string{jsonType}},
		{"chunked", 200, chunked(padded(api.MaxDecodedBody)), []string{jsonType, te}},
		{"chunked", 413, chunked(padded(api.MaxDecodedBody + 1)), []string{jsonType, te}},
		{"gzip", 200, zipped(padded(api.MaxDecodedBody)), []string{jsonType, gz}},
		{"gzip", 413, zipped(padded(api.MaxDecodedBody + 1)), []string{jsonType, gz}},
		{"zstd", 200, zstded(padded(api.MaxDecodedBody)), []string{jsonType, zs}},
		{"zstd", 413, zstded(padded(api.MaxDecodedBody + 1)), []string{jsonType, zs}},
		{"encoded", 200, filled(api.MaxEncodedBody), []string{jsonType, zs}},
		{"encoded", 413, filled(api.MaxEncodedBody + 1), []string{jsonType, zs}},
		{"encoded, chunked", 200, chunked(filled(api.MaxEncodedBody)), []string{jsonType, zs, te}},
		{"encoded, chunked", 413, chunked(filled(api.MaxEncodedBody + 1)), []string{jsonType, zs, te}},
		{"events", 200, events(audit.MaxBatch), []string{ndjsonType}},
		{"events", 413, events(audit.MaxBatch + 1), []string{ndjsonType}},
		{"key", 200, event, []string{jsonType, "Idempotency-Key: " + strings.Repeat("k", 255)}},
		{"key", 400, event, []string{jsonType, "Idempotency-Key: " + strings.Repeat("k", 256)}},
	} {
		if r := s.post(t, "writer", "/v1/audit/logs", c.body, c.lines...); r.StatusCode != c.status {
			t.Errorf("%s: %d %s, want %d", c.name, r.StatusCode, r.body, c.status)
		}
	}
}

// TestEncodings sends bodies whose compression is odd, broken or malicious.
func TestExportBodyLimit(t *testing.T) {
	s := start(t)
	for size, status := range map[int]int{audit.MaxExportBody: 202, audit.MaxExportBody + 1: 413} {
		body := exportBody + strings.Repeat(" ", size-len(exportBody))
		if r := s.post(t, "exporter", "/v1/audit/export", body, jsonType); r.StatusCode != status {
			t.Errorf("%d bytes: %d %s, want %d", size, r.StatusCode, r.body, status)
		}
	}
}

func TestEncodings(t *testing.T) {
	s := start(t)
	bomb := strings.Repeat("\x00", 64<<20)
	gz, zs := zipped(event), zstded(event)
	const window = "\x28\xb5\x2f\xfd\x00" // magic and a header without a content size
	for _, c := range []struct {
		name, encoding, body string
		status               int
	}{
		{"gzip", "gzip", gz, 200},
		{"gzip of two members", "GZIP", zipped(event[:20]) + zipped(event[20:]), 200},
		{"gzip, cut", "gzip", gz[:len(gz)-1], 400},
		{"gzip, bad checksum", "gzip", gz[:len(gz)-8] + "\x00\x00\x00\x00" + gz[len(gz)-4:], 400},
		{"gzip and garbage", "gzip", gz + "x", 400},
		{"gzip and zeros", "gzip", gz + strings.Repeat("\x00", 512), 400},
		{"gzip of gzip", "gzip", zipped(gz), 400},
		{"gzip of nothing", "gzip", zipped(""), 400},
		{"zstd", "zstd", zs, 200},
		{"zstd of two frames", "zstd", zstded(event[:20]) + zstded(event[20:]), 200},
		{"zstd, cut", "zstd", zs[:len(zs)-1], 400},
		{"zstd, bad checksum", "zstd", zs[:len(zs)-1] + "\x00", 400},
		{"zstd and garbage", "zstd", zs + "garbage", 400},
		{"zstd and a byte", "zstd", zs + "x", 400},
		{"zstd as gzip", "gzip", zs, 400},
		{"a gzip bomb", "gzip", zipped(bomb), 413},
		{"a zstd bomb", "zstd", zstded(bomb), 413},
		{"a window of 8 MiB", "zstd", window + "\x68" + "\x01\x00\x00", 400}, // one empty block
		{"a window of 9 MiB", "zstd", window + "\x69" + "\x01\x00\x00", 413},
		{"a window of 2 GiB", "zstd", window + "\xa8" + "\x01\x00\x00", 413},
		{"many empty members", "gzip", strings.Repeat(zipped(""), 50_000) + gz, 200},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := s.post(t, "writer", "/v1/audit/logs", c.body, jsonType, "Content-Encoding: "+c.encoding)
		runtime.ReadMemStats(&after)
		if r.StatusCode != c.status {
			t.Errorf("%s: %d %s, want %d", c.name, r.StatusCode, r.body, c.status)
		}
		if mb := (after.TotalAlloc - before.TotalAlloc) >> 20; mb > 100 {
			t.Errorf("%s: %d MiB allocated in all", c.name, mb)
		}
	}
}

func TestShortBody(t *testing.T) {
	s := start(t)
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "POST /v1/audit/logs HTTP/1.1\r\nHost: audit.test\r\n"+
		"Authorization: Bearer tok_writer\r\n"+jsonType+"\r\nContent-Length: 1000\r\n\r\n"+event)
	conn.(*net.TCPConn).CloseWrite()
	answer, _ := io.ReadAll(conn)
	if !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") || len(s.log.records["tnt_a"]) > 0 {
		t.Errorf("got %s, and %d events stored", answer, len(s.log.records["tnt_a"]))
	}
}

// pipes is a listener whose connections are in memory, so that their
// deadlines obey the clock of a synctest bubble.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// TestSlowClients holds connections open in every phase of a request.
func TestSlowClients(t *testing.T) {
	for _, c := range []struct {
		name, text string
		after      time.Duration
	}{
		{"headers", "GET /v1/version HTTP/1.1\r\nHost:", api.HeaderTimeout},
		{"body", "POST /v1/audit/logs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer tok_writer\r\n" +
			jsonType + "\r\nContent-Length: 1000\r\n\r\n{", api.ReadTimeout},
		{"idle", "GET /v1/version HTTP/1.1\r\nHost: x\r\n\r\n", api.IdleTimeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := make(pipes, 1)
				server, client := net.Pipe()
				l <- server
				handler := newServer(newReference(time.Now), time.Now, io.Discard)
				srv := api.NewHTTPServer(handler, handler.Logger)
				go srv.Serve(l)
				began := time.Now()
				go io.WriteString(client, c.text)
				io.Copy(io.Discard, client)
				if took := time.Since(began); took < c.after || took > c.after+time.Second {
					t.Errorf("closed after %s, want %s", took, c.after)
				}
				srv.Close()
			})
		})
	}
}

// TestQueryTimeout asks a log that never answers.
func TestQueryTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := failing{newReference(time.Now), func(ctx context.Context) error {
			<-ctx.Done()
			return fmt.Errorf("query: %w", ctx.Err())
		}}
		w := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/v1/audit/logs", nil)
		r.Header.Set("Authorization", "Bearer tok_reader")
		began := time.Now()
		newServer(log, time.Now, io.Discard).ServeHTTP(w, r)
		if took := time.Since(began); took != api.QueryTimeout {
			t.Errorf("answered after %s", took)
		}
		answer := response{w.Result(), w.Body.String()}
		checkShape(t, "GET /v1/audit/logs", answer)
		if w.Code != 503 || answer.member("error.code") != "query_timeout" {
			t.Errorf("got %d %s", w.Code, w.Body)
		}
	})
}
