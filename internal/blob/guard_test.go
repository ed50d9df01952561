package blob_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/scaivault/audit/internal/blob"
)

// TestGuardedAddresses goes through the networks at their edges.
func TestGuardedAddresses(t *testing.T) {
	const (
		public   = iota // allowed to all
		local           // allowed to endpoints that the operator named
		loopback        // and to those in development
		never
	)
	tests := map[string]int{
		"9.255.255.255": public, "10.0.0.0": local, "10.255.255.255": local, "11.0.0.0": public,
		"100.63.255.255": public, "100.64.0.0": local, "100.127.255.255": local, "100.128.0.0": public,
		"126.255.255.255": public, "127.0.0.1": loopback, "127.255.255.255": loopback, "128.0.0.0": public,
		"169.253.255.255": public, "169.254.0.0": local, "169.254.255.255": local, "169.255.0.0": public,
		"172.15.255.255": public, "172.16.0.0": local, "172.31.255.255": local, "172.32.0.0": public,
		"192.167.255.255": public, "192.168.0.0": local, "192.168.255.255": local, "192.169.0.0": public,
		"198.17.255.255": public, "198.18.0.0": local, "198.19.255.255": local, "198.20.0.0": public,
		"0.0.0.0": local, "0.255.255.255": local, "1.0.0.0": public, "192.0.2.1": local,
		"223.255.255.255": public, "224.0.0.1": local, "239.255.255.255": local, "255.255.255.255": local,
		"169.254.169.254": never, "169.254.170.2": never, "169.254.170.23": never, "168.63.129.16": never,
		"100.100.100.200": never, "192.0.0.192": never,
		"::": local, "::1": loopback, "::7f00:1": local, "2606:4700::1111": public,
		"fc00::1": local, "fdff::1": local, "fe80::1": local, "fe80::1%eth0": local, "ff02::1": local,
		"2001::1": local, "2001:db8::1": local,
		"fd00:ec2::254": never, "fd00:ec2::23": never, "fd20:ce::254": never,
		"::ffff:8.8.8.8": public, "::ffff:10.0.0.1": local, "::ffff:127.0.0.1": loopback,
		"::ffff:169.254.169.254": never,
		"64:ff9b::8.8.8.8":       public, "64:ff9b::10.0.0.1": local, "64:ff9b::169.254.169.254": never,
		"64:ff9b:1::808:808": local,
		"2002:808:808::1":    public, "2002:a00:1::1": local, "2002:a9fe:a9fe::1": never,
	}
	zero, dev := &blob.Guard{}, &blob.Guard{AllowLoopback: true}
	for text, class := range tests {
		addr := netip.AddrPortFrom(netip.MustParseAddr(text), 443).String()
		for _, ask := range []struct {
			who string
			err error
			ok  bool
		}{
			{"anybody", zero.CheckAddress(addr, false), class == public},
			{"development", dev.CheckAddress(addr, false), class == public || class == loopback},
			{"a named endpoint", zero.CheckAddress(addr, true), class != never},
		} {
			if ok := ask.err == nil; ok != ask.ok || !ok && !errors.Is(ask.err, blob.ErrAddress) {
				t.Errorf("%s for %s: got %v, want allowed %v", text, ask.who, ask.err, ask.ok)
			}
		}
	}
	if err := zero.CheckAddress("no address", true); !errors.Is(err, blob.ErrAddress) {
		t.Errorf("got %v, want ErrAddress", err)
	}
}

// resolver returns a resolver that knows the names of a zone, and asks nobody.
func resolver(t *testing.T, zone map[string]string) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) == 0 {
				continue
			}
			conn.WriteTo(answerName(m, zone), from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func answerName(m dnsmessage.Message, zone map[string]string) []byte {
	q := m.Questions[0]
	m.Response, m.Authoritative, m.Additionals = true, true, nil
	addr, known := zone[strings.TrimSuffix(q.Name.String(), ".")]
	switch {
	case !known:
		m.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class},
			Body:   &dnsmessage.AResource{A: netip.MustParseAddr(addr).As4()},
		}}
	}
	b, _ := m.Pack()
	return b
}

// TestGuardedConnections leads every store, by all kinds of names, to a server
// on this machine. It sees a connection only if the operator named it.
func TestGuardedConnections(t *testing.T) {
	var connections atomic.Int32
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			conn.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	names := resolver(t, map[string]string{"rebind.example": "127.0.0.1", "metadata.example": "169.254.169.254",
		"private.example": "10.0.0.1", "localhost.evil.example": "127.0.0.1"})
	hosts := []string{"rebind.example", "metadata.example", "private.example", "localhost.evil.example",
		"127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "0.0.0.0", "[::]",
		"10.0.0.1", "169.254.169.254", "[fd00:ec2::254]", "localhost", "127.1", "2130706433", "0x7f000001",
		"0177.0.0.1", "127.0.0.1.", "rebind.example."}
	for _, host := range hosts {
		for _, store := range stores {
			err := checkAt(t, store, "https://"+host+":"+port, &blob.Guard{Resolver: names})
			if err == nil {
				t.Errorf("%s at %s: no error", store, host)
			}
			if name := strings.Trim(host, "[]"); net.ParseIP(name) != nil && !errors.Is(err, blob.ErrAddress) {
				t.Errorf("%s at %s: got %v, want ErrAddress", store, host, err)
			}
		}
	}
	other := &blob.Guard{Resolver: names, AllowEndpoints: []string{"rebind.example:1", "other.example:" + port,
		"metadata.example:" + port}}
	for _, host := range []string{"rebind.example", "metadata.example"} {
		if err := checkAt(t, "s3", "https://"+host+":"+port, other); !errors.Is(err, blob.ErrAddress) {
			t.Errorf("%s: got %v, want ErrAddress", host, err)
		}
	}
	if n := connections.Load(); n != 0 {
		t.Fatalf("%d connections were made", n)
	}
	named := &blob.Guard{Resolver: names, AllowEndpoints: []string{"Rebind.example:" + port}}
	checkAt(t, "s3", "http://rebind.example:"+port, named)
	if connections.Load() == 0 {
		t.Error("the endpoint that the operator named was not reached")
	}
}

// checkAt opens a bucket of a store at an endpoint and checks it.
func checkAt(t *testing.T, store, endpoint string, g *blob.Guard) error {
	t.Helper()
	c := credentialsFor(t, store, endpoint)
	if store == "gcs" { // its tokens come from an endpoint that credentials name, too
		c["service_account_json"] = strings.Replace(c["service_account_json"], `"token_uri":"http:`,
			`"token_uri":"https:`, 1)
	}
	b, err := blob.Open(t.Context(), blob.WithAttempts(blob.Config{Type: store, Bucket: "exports", Owner: owner,
		Credentials: c, Dial: g}, 2))
	if err != nil {
		return err
	}
	defer b.Close()
	return b.Check(t.Context())
}

// TestTLS refuses what a man in the middle could offer, and asks only once.
func TestTLS(t *testing.T) {
	var hello atomic.Int32
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		hello.Add(1)
		for _, v := range h.SupportedVersions {
			if v < tls.VersionTLS12 {
				t.Errorf("offers TLS version %x", v)
			}
		}
		return nil, nil
	}}
	server.StartTLS()
	defer server.Close()
	for _, store := range []string{"s3", "azure_blob"} {
		hello.Store(0)
		err := open(t, store, credentialsFor(t, store, server.URL)).Check(t.Context())
		var untrusted *tls.CertificateVerificationError
		if !errors.As(err, &untrusted) || hello.Load() > 2 { // S3 looks once for what may have begun
			t.Errorf("%s: got %v after %d handshakes, want a certificate error after one", store, err, hello.Load())
		}
	}
}
