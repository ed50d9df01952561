package api_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"slices"
	"testing"
)

// TestMalformed sends what no client should. Most of it net/http answers
// itself, before any handler, with 400 and the end of the connection.
func TestMalformed(t *testing.T) {
	s := start(t)
	const (
		get  = "GET /v1/version HTTP/1.1\r\n"
		host = "Host: audit.test\r\n"
		auth = "Authorization: Bearer tok_writer\r\nContent-Type: application/json\r\n"
		post = "POST /v1/audit/logs HTTP/1.1\r\n" + host + auth
	)
	for _, c := range []struct {
		name, text string
		status     int
	}{
		{"no host", get + "\r\n", 400},
		{"two hosts", get + host + host + "\r\n", 400},
		{"a malformed host", get + "Host: a b\r\n\r\n", 400},
		{"NUL in a header", get + host + "X-A: a\x00b\r\n\r\n", 400},
		{"NUL in the path", "GET /v1/\x00 HTTP/1.1\r\n" + host + "\r\n", 400},
		{"CR in a header", get + host + "X-A: a\rb\r\n\r\n", 400},
		{"space before a colon", get + host + "X-A : b\r\n\r\n", 400},
		{"space before a name", get + " " + host + "\r\n", 400},
		{"no version", "GET /v1/version\r\n" + host + "\r\n", 400},
		{"a broken escape", "GET /v1/%zz HTTP/1.1\r\n" + host + "\r\n", 400},
		{"a space in the path", "GET /v1/a b HTTP/1.1\r\n" + host + "\r\n", 400},
		{"an unknown version", "GET /v1/version HTTP/3.0\r\n" + host + "\r\n", 505},
		{"not HTTP", "hello\r\n\r\n", 400},
		{"two lengths", post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400},
		{"a signed length", post + "Content-Length: +3\r\n\r\nabc", 400},
		{"a negative length", post + "Content-Length: -3\r\n\r\nabc", 400},
		{"an unknown transfer encoding", post + "Transfer-Encoding: gzip\r\n\r\nabc", 501},
		{"a doubled transfer encoding", post + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 501},
		{"a hidden transfer encoding", post + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400},
	} {
		r := s.send(t, "GET", c.text)
		if r.StatusCode != c.status || !r.Close {
			t.Errorf("%s: %d, close %t; want %d and close\n%s", c.name, r.StatusCode, r.Close, c.status, r.body)
		}
	}
	if len(s.log.records) > 0 {
		t.Error("events were stored")
	}
}

// TestSmuggling sends requests on which a proxy and a server could differ
// about where they end, each with a second request in its body.
func TestSmuggling(t *testing.T) {
	s := start(t)
	const head, inner = "POST /v1/audit/logs HTTP/1.1\r\nHost: audit.test\r\n" +
		"Authorization: Bearer tok_writer\r\nContent-Type: application/json\r\n",
		"GET /v1/health HTTP/1.1\r\nHost: audit.test\r\n\r\n"
	for _, c := range []struct {
		name, text string
		statuses   []int
	}{
		// The chunks win (RFC 9112, section 6.3) and the rest is a request of
		// its own, which has brought no token along.
		{"length and chunks", head + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner,
			[]int{400, 200}},
		{"chunks that end early", head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n" + inner, []int{400}},
		{"a bare LF in a chunk's size", head + "Transfer-Encoding: chunked\r\n\r\n1\n{\r\n0\r\n\r\n" + inner,
			[]int{400}},
		{"a body that nobody read", head + "Content-Encoding: br\r\nContent-Length: " + itoa(len(inner)) +
			"\r\n\r\n" + inner + inner, []int{415, 200}},
	} {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, c.text)
		conn.(*net.TCPConn).CloseWrite()
		var got []int
		for in := bufio.NewReader(conn); ; {
			r, err := http.ReadResponse(in, nil)
			if err != nil {
				break
			}
			io.Copy(io.Discard, r.Body)
			got = append(got, r.StatusCode)
		}
		conn.Close()
		if !slices.Equal(got, c.statuses) {
			t.Errorf("%s: statuses %v, want %v", c.name, got, c.statuses)
		}
	}
	if len(s.log.records["tnt_a"]) > 0 {
		t.Error("events were stored")
	}
}
