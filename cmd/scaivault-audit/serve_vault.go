package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/source"
	"github.com/scaivault/audit/internal/vfs"
)

// vaultSettings are about the audit lines of Vault and OpenBao.
type vaultSettings struct {
	PairWait          time.Duration  `default:"10s" env:"PAIR_WAIT" help:"How long a request of Vault or OpenBao waits for its answer before it is an event of its own (default ${default})."`
	VaultSocket       []string       `placeholder:"URL" env:"VAULT_SOCKET" help:"Take the lines of socket devices at tcp://127.0.0.1:PORT?tenant=T or unix:///PATH?tenant=T; beyond loopback &client-ca=FILE, with --tls-cert. Repeatable."`
	VaultTrustedProxy []netip.Prefix `placeholder:"CIDR" env:"VAULT_TRUSTED_PROXY" help:"Believe the X-Forwarded-For of this proxy in front of Vault or OpenBao; repeatable."`
	KeepOriginals     string         `enum:"none,cut,all" default:"none" placeholder:"WHICH" env:"KEEP_ORIGINALS" help:"Keep lines as they came, beside the log: cut, those of which an event may not hold everything, or all. Not those of devices that do not hash."`
}

// maxPairWait bounds the requests that wait.
const maxPairWait = 5 * time.Minute

// check finds settings that do not go together.
func (c *vaultSettings) check(hasCert bool) error {
	if c.PairWait < time.Second || c.PairWait > maxPairWait {
		return fmt.Errorf("--pair-wait: want 1s to %s", maxPairWait)
	}
	for _, text := range c.VaultSocket {
		s, err := parseSocket(text)
		if err == nil && s.network == "tcp" && s.clientCA == "" && !loopback(s.host()) {
			err = errors.New("beyond loopback want client-ca=FILE")
		}
		if err == nil && s.clientCA != "" && !hasCert {
			err = errors.New("client-ca needs --tls-cert and --tls-key")
		}
		if err != nil {
			return fmt.Errorf("--vault-socket %s: %w", text, err)
		}
	}
	return nil
}

// open opens the intake of vault lines into a log.
func (c *vaultSettings) open(disk vfs.FS, dir string, log source.Log, clock func() time.Time,
	logger *slog.Logger) (*source.Intake, error) {
	o := source.IntakeOptions{Clock: clock, Logger: logger, Wait: c.PairWait, Trusted: c.VaultTrustedProxy}
	if c.KeepOriginals == "cut" || c.KeepOriginals == "all" {
		var err error
		o.Originals, err = source.OpenOriginals(disk, filepath.Join(dir, originalsDir), c.KeepOriginals == "all", logger)
		if err != nil {
			return nil, err
		}
	}
	return source.OpenIntake(disk, filepath.Join(dir, "vault"), log, o)
}

// vaultSocket is where a socket device connects.
type vaultSocket struct {
	network, address string
	tenant           audit.TenantID
	clientCA         string // file with the certificates of who signs clients; "" without TLS
}

func (s *vaultSocket) host() string {
	host, _, err := net.SplitHostPort(s.address)
	if err != nil {
		return ""
	}
	return host
}

// parseSocket reads tcp://HOST:PORT?tenant=T or unix:///PATH?tenant=T.
func parseSocket(text string) (vaultSocket, error) {
	u, err := url.Parse(text)
	if err != nil {
		return vaultSocket{}, errors.Unwrap(err)
	}
	s := vaultSocket{network: u.Scheme, address: u.Host}
	switch {
	case u.Scheme == "unix" && u.Host == "" && filepath.IsAbs(u.Path):
		s.address = u.Path
	case u.Scheme == "tcp" && u.Port() != "" && u.Path == "":
	default:
		return s, errors.New("want tcp://HOST:PORT?tenant=T or unix:///PATH?tenant=T")
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return s, err
	}
	for name, values := range q {
		switch {
		case len(values) != 1:
			return s, fmt.Errorf("want one %s", name)
		case name == "tenant":
		case name == "client-ca" && u.Scheme == "tcp":
			s.clientCA = values[0]
		default:
			return s, fmt.Errorf("unknown parameter %q", name)
		}
	}
	s.tenant, err = audit.ParseTenantID(q.Get("tenant"))
	return s, err
}

// listen opens the socket.
func (s *vaultSocket) listen(certs *keyPair) (net.Listener, error) {
	if s.network == "unix" {
		return listenUnix(s.address)
	}
	l, err := net.Listen("tcp", s.address)
	if err != nil || s.clientCA == "" {
		return l, err
	}
	pem, err := os.ReadFile(s.clientCA)
	pool := x509.NewCertPool()
	if err == nil && !pool.AppendCertsFromPEM(pem) {
		err = fmt.Errorf("%s: no certificates", s.clientCA)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return tls.NewListener(l, &tls.Config{
		MinVersion: tls.VersionTLS12, GetCertificate: certs.get,
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
	}), nil
}

// listenUnix opens a unix socket that the process's group may write to. A file
// that an earlier process left is replaced; one that somebody listens at is not.
func listenUnix(path string) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == fs.ModeSocket {
		if conn, err := net.Dial("unix", path); err == nil {
			conn.Close()
			return nil, fmt.Errorf("%s: somebody listens there already", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o660); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// listenVault opens the sockets of socket devices.
func (s *server) listenVault() ([]source.Socket, error) {
	certs := &keyPair{cert: s.config.TLSCert, key: s.config.TLSKey, logger: s.logger}
	var sockets []source.Socket
	for _, text := range s.config.VaultSocket {
		v, err := parseSocket(text)
		if err == nil {
			var l net.Listener
			if l, err = v.listen(certs); err == nil {
				name := v.network + "://" + l.Addr().String()
				s.logger.Info("taking vault lines", "socket", name, "tenant", v.tenant)
				sockets = append(sockets, source.Socket{Name: name, Tenant: v.tenant, Listener: l})
				continue
			}
		}
		for _, open := range sockets {
			open.Listener.Close()
		}
		return nil, fmt.Errorf("socket %s: %w", text, err)
	}
	return sockets, nil
}

// serveVault takes the lines of socket devices, and gives up requests in their
// time, until ctx ends.
func (s *server) serveVault(ctx context.Context, sockets []source.Socket) []func() error {
	tasks := []func() error{func() error {
		s.vault.Run(ctx)
		return nil
	}}
	for _, socket := range sockets {
		tasks = append(tasks, func() error { return s.vault.Serve(ctx, socket) })
	}
	return tasks
}
