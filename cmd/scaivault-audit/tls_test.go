package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/scaivault/audit/client"
)

// authority signs certificates for 127.0.0.1 and writes them where a server
// reads them.
type authority struct {
	t        *testing.T
	key      *ecdsa.PrivateKey
	root     *x509.Certificate
	certFile string
	keyFile  string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	dir := t.TempDir()
	a := &authority{t: t, certFile: filepath.Join(dir, "cert.pem"), keyFile: filepath.Join(dir, "key.pem")}
	a.key = a.newKey()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	a.root = a.sign(template, template, a.key)
	return a
}

func (a *authority) newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	return key
}

func (a *authority) sign(template, parent *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert
}

// issue writes a new certificate of that serial number, and its key.
func (a *authority) issue(serial int64) {
	key := a.newKey()
	cert := a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(serial), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a.root, key)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(a.keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), serial)
	a.write(a.certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}), serial)
}

// write writes a file whose time differs from that of every other version.
func (a *authority) write(name string, text []byte, version int64) {
	if err := os.WriteFile(name, text, 0o600); err != nil {
		a.t.Fatal(err)
	}
	at := time.Now().Add(time.Duration(version) * time.Second)
	if err := os.Chtimes(name, at, at); err != nil {
		a.t.Fatal(err)
	}
}

// client returns a client that trusts the authority and makes a connection for
// each request.
func (a *authority) client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: a.roots()}, ForceAttemptHTTP2: true, DisableKeepAlives: true,
	}}
}

func (a *authority) roots() *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AddCert(a.root)
	return roots
}

// serial returns the serial number of the certificate that a server shows.
func (a *authority) serial(url string) int64 {
	a.t.Helper()
	resp, _ := get(a.t, a.client(), url+"/v1/health", "")
	return resp.TLS.PeerCertificates[0].SerialNumber.Int64()
}

// TestVaultSocketTLS takes lines over TLS from whoever has a certificate, and from
// nobody else.
func TestVaultSocketTLS(t *testing.T) {
	a := newAuthority(t)
	a.issue(2)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	a.write(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw}), 1)
	l, err := (&vaultSocket{network: "tcp", address: "127.0.0.1:0", clientCA: ca}).listen(&keyPair{cert: a.certFile, key: a.keyFile})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make(chan string, 1)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			text, err := io.ReadAll(conn)
			conn.Close()
			got <- fmt.Sprintf("%s %t", text, err == nil)
		}
	}()
	key := a.newKey()
	cert := a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(3), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, a.root, key)
	for _, test := range []struct {
		certificates []tls.Certificate
		want         string
	}{
		{[]tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}, "line true"},
		{nil, " false"},
	} {
		conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: a.roots(), Certificates: test.certificates})
		if err == nil {
			conn.Write([]byte("line"))
			conn.Close()
		}
		if text := <-got; text != test.want {
			t.Errorf("%d certificates: %q, want %q (%v)", len(test.certificates), text, test.want, err)
		}
	}
}

func TestTLS(t *testing.T) {
	a := newAuthority(t)
	a.issue(2)
	data := t.TempDir()
	token := newToken(t, data, "tnt_a")
	p := serve(t, nil, "--data", data, "--tls-cert", a.certFile, "--tls-key", a.keyFile)
	host, ok := strings.CutPrefix(p.url, "https://")
	if !ok {
		t.Fatalf("URL %s; want https", p.url)
	}
	c, err := client.New(client.Config{URL: p.url, Token: token, HTTP: a.client()})
	if err != nil {
		t.Fatal(err)
	}
	id := appendOne(t, c, "prod/db")

	resp, body := get(t, a.client(), p.url+"/v1/audit/logs?path_prefix=prod", token)
	if resp.ProtoMajor != 2 || resp.StatusCode != 200 || !strings.Contains(body, string(id)) {
		t.Errorf("HTTP/2: %s, status %d, body %s", resp.Proto, resp.StatusCode, body)
	}
	for version, accepted := range map[uint16]bool{
		tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true,
	} {
		conn, err := tls.Dial("tcp", host,
			&tls.Config{RootCAs: a.roots(), MinVersion: version, MaxVersion: version})
		if err == nil {
			conn.Close()
		}
		if accepted != (err == nil) {
			t.Errorf("%s: error %v; want accepted: %t", tls.VersionName(version), err, accepted)
		}
	}
	if resp, _ := get(t, http.DefaultClient, "http://"+host+"/v1/health", ""); resp.StatusCode != 400 {
		t.Errorf("without TLS: status %d; want 400", resp.StatusCode)
	}
	if _, err := p.client(t, token).Health(t.Context()); err == nil {
		t.Error("a client that does not know the authority trusts the server")
	}
	p.end(t)
}

// TestCACert lets a command trust an authority that the system does not know.
func TestCACert(t *testing.T) {
	a := newAuthority(t)
	a.issue(2)
	data, dir := t.TempDir(), t.TempDir()
	ca, empty := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "empty.pem")
	a.write(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw}), 1)
	a.write(empty, nil, 1)
	token := newToken(t, data, "tnt_a")
	p := serve(t, nil, "--data", data, "--tls-cert", a.certFile, "--tls-key", a.keyFile)
	defer p.end(t)
	for _, test := range []struct {
		file, flag string
		want       result
	}{
		{ca, "", result{}},
		{empty, ca, result{}},
		{"", "", result{exitGeneral, "", "certificate signed by unknown authority"}},
		{"", empty, result{exitValidation, "", "--ca-cert: " + empty + " holds no certificate"}},
		{"", filepath.Join(dir, "none.pem"), result{exitValidation, "", "none.pem: no such file"}},
	} {
		t.Setenv("SCAIVAULT_CA_CERT", test.file)
		args := []string{"logs", "--path-prefix", "none", "--url", p.url, "--token", token}
		if test.flag != "" {
			args = append(args, "--ca-cert", test.flag)
		}
		got := runLine(t, "", args...)
		if got.Code != test.want.Code || got.Stdout != test.want.Stdout || !strings.Contains(got.Stderr, test.want.Stderr) {
			t.Errorf("file %q, flag %q: got %+v, want %+v", test.file, test.flag, got, test.want)
		}
	}
}

// A certificate that is renewed is used from the next connection on; one that
// is of no use is not, and the log says so once.
func TestCertificateIsReadAgain(t *testing.T) {
	a := newAuthority(t)
	a.issue(2)
	p := serve(t, nil, "--data", t.TempDir(), "--tls-cert", a.certFile, "--tls-key", a.keyFile)
	for range 2 {
		if got := a.serial(p.url); got != 2 {
			t.Errorf("certificate %d; want 2", got)
		}
	}
	a.issue(3)
	if got := a.serial(p.url); got != 3 {
		t.Errorf("certificate %d after it was renewed; want 3", got)
	}
	a.write(a.certFile, []byte("half a certif"), 4)
	for range 2 {
		if got := a.serial(p.url); got != 3 {
			t.Errorf("certificate %d while the file is damaged; want the one before, 3", got)
		}
	}
	a.issue(5)
	if got := a.serial(p.url); got != 5 {
		t.Errorf("certificate %d after the damage was mended; want 5", got)
	}
	p.end(t)
	if n := strings.Count(p.output.String(), "the new certificate cannot be used"); n != 1 {
		t.Errorf("the log tells of the damage %d times; want once:\n%s", n, p.output.String())
	}
}
