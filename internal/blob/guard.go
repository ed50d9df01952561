package blob

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Guard decides which addresses a bucket, or whatever else is sent to, may
// have. It looks at the address that a name resolved to, at each connection, so
// that a name which changes its mind gains nothing. Public addresses are
// allowed; loopback, private, shared, link-local, multicast and reserved ones
// are not, nor IPv6 addresses that stand for such IPv4 ones. The zero Guard
// allows nothing more.
//
// Requests use no proxy, follow no redirect, and TLS is 1.2 or later.
type Guard struct {
	// AllowEndpoints lists HOST:PORT, as the credentials name them, that may
	// have any address and may be asked without TLS.
	AllowEndpoints []string
	// AllowLoopback allows the addresses of this machine, with or without
	// TLS; for development.
	AllowLoopback bool
	// Resolver looks names up; nil is [net.DefaultResolver].
	Resolver *net.Resolver
}

// refused are the networks that are not public: the registries of special
// addresses for IPv4 and IPv6 (RFC 6890 and its updates).
var refused = prefixes("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
	"172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"::/96", "64:ff9b:1::/48", "100::/64", "2001::/32", "2001:db8::/32", "3fff::/20", "5f00::/16",
	"fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8")

// metadata are the addresses at which clouds hand out credentials to the
// machines in them. No allow list opens them.
var metadata = prefixes("169.254.169.254/32", "169.254.170.2/32", "169.254.170.23/32", "168.63.129.16/32",
	"100.100.100.200/32", "192.0.0.192/32", "fd00:ec2::254/128", "fd00:ec2::23/128", "fd20:ce::254/128")

// Prefixes of IPv6 addresses that hold an IPv4 address: at byte 12 after the
// well-known prefix of NAT64 (RFC 6052), at byte 2 in 6to4 (RFC 3056).
var (
	nat64   = netip.MustParsePrefix("64:ff9b::/96")
	sixToV4 = netip.MustParsePrefix("2002::/16")
)

func prefixes(texts ...string) []netip.Prefix {
	var ps []netip.Prefix
	for _, text := range texts {
		ps = append(ps, netip.MustParsePrefix(text))
	}
	return ps
}

func within(a netip.Addr, nets []netip.Prefix) bool {
	return slices.ContainsFunc(nets, func(p netip.Prefix) bool { return p.Contains(a) })
}

// v4 returns the IPv4 address that a stands for, or a itself.
func v4(a netip.Addr) netip.Addr {
	b := a.As16()
	switch {
	case nat64.Contains(a):
		return netip.AddrFrom4([4]byte(b[12:16]))
	case sixToV4.Contains(a):
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return a.Unmap()
}

// check reports whether a connection to a resolved address may be made.
// Named is whether the operator named the endpoint.
func (g *Guard) check(addr string, named bool) error {
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return fmt.Errorf("connect: unreadable address: %w", ErrAddress)
	}
	a := v4(ap.Addr().WithZone(""))
	switch {
	case within(a, metadata):
	case named:
		return nil
	case g.AllowLoopback && a.IsLoopback():
		return nil
	case !within(a, refused):
		return nil
	}
	return fmt.Errorf("connect to %s: %w", ap.Addr(), ErrAddress)
}

// names reports whether the operator named the endpoint HOST:PORT.
func (g *Guard) names(hostport string) bool {
	return slices.ContainsFunc(g.AllowEndpoints, func(e string) bool { return strings.EqualFold(e, hostport) })
}

// AllowsPlain reports whether an endpoint may be asked without TLS.
func (g *Guard) AllowsPlain(u *url.URL) bool {
	port := u.Port()
	if port == "" {
		port = "80"
	}
	a, err := netip.ParseAddr(u.Hostname())
	local := err == nil && a.IsLoopback() || u.Hostname() == "localhost"
	return g.AllowLoopback && local || g.names(net.JoinHostPort(u.Hostname(), port))
}

const (
	dialTimeout  = 10 * time.Second
	stallTimeout = 60 * time.Second // without a byte read or written
	idleTimeout  = 30 * time.Second
)

// DialContext connects to HOST:PORT if the address that it has now is allowed.
func (g *Guard) DialContext(ctx context.Context, network, hostport string) (net.Conn, error) {
	named := g.names(hostport)
	d := net.Dialer{Timeout: dialTimeout, Resolver: g.Resolver,
		Control: func(_, addr string, _ syscall.RawConn) error { return g.check(addr, named) }}
	return d.DialContext(ctx, network, hostport)
}

// dial is [Guard.DialContext] for connections on which something must move.
func (g *Guard) dial(ctx context.Context, network, hostport string) (net.Conn, error) {
	conn, err := g.DialContext(ctx, network, hostport)
	if err != nil {
		return nil, err
	}
	return stallConn{conn}, nil
}

// client returns an HTTP client whose connections are guarded.
func (g *Guard) client() *http.Client {
	return &http.Client{
		Transport: fence{&http.Transport{
			DialContext:         g.dial,
			TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: dialTimeout,
			IdleConnTimeout:     idleTimeout,
			MaxIdleConnsPerHost: 8,
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// stallConn is a connection that fails when nothing moves on it. Each read
// and write puts the deadline off for both, because an answer may be waited
// for while a long body is being sent.
type stallConn struct{ net.Conn }

func (c stallConn) Read(b []byte) (int, error) {
	c.SetDeadline(time.Now().Add(stallTimeout))
	return c.Conn.Read(b)
}

func (c stallConn) Write(b []byte) (int, error) {
	c.SetDeadline(time.Now().Add(stallTimeout))
	return c.Conn.Write(b)
}
