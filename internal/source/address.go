package source

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/scaivault/audit"
)

// sourceIP returns where a request came from, "" if that is no address: the
// extra data has it as it was.
func (q *request) sourceIP() string {
	for _, address := range [...]string{q.client, q.address} {
		if address == "" {
			continue
		}
		if ip, err := audit.ParseIP(address); err == nil {
			return ip
		}
	}
	return ""
}

// clientOf returns the client's address behind trusted proxies, "" if the one
// that connected is not trusted or tells nothing. Each proxy has appended who
// connected to it, so the last one that is not trusted counts: what stands
// before it, anybody can have written.
func clientOf(address string, forwardedFor []string, trusted []netip.Prefix) string {
	if len(forwardedFor) == 0 || !among(trusted, address) {
		return ""
	}
	client := ""
	for _, hop := range slices.Backward(strings.Split(strings.Join(forwardedFor, ","), ",")) {
		hop = hostOf(strings.TrimSpace(hop))
		if _, err := netip.ParseAddr(hop); err != nil {
			break
		}
		if client = hop; !among(trusted, hop) {
			break
		}
	}
	return client
}

// hostOf returns an address without the port that some proxies write behind it.
func hostOf(hop string) string {
	if a, err := netip.ParseAddrPort(hop); err == nil {
		return a.Addr().String()
	}
	return strings.Trim(hop, "[]")
}

// among reports whether an address is in one of the prefixes.
func among(prefixes []netip.Prefix, address string) bool {
	a, err := netip.ParseAddr(address)
	return err == nil && slices.ContainsFunc(prefixes, func(p netip.Prefix) bool {
		return p.Contains(a.Unmap().WithZone(""))
	})
}
