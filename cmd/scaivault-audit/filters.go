package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/scaivault/audit"
)

// period is the range of time of a query. Flags are pointers so that an empty
// one, as from an unset variable of a script, is refused and widens no answer.
type period struct {
	From *string `placeholder:"TIME" group:"filter" help:"Events since then: RFC 3339, or how long ago, as 90m, 24h, 7d."`
	To   *string `placeholder:"TIME" group:"filter" help:"Events before this time."`
}

// filters narrow a query by anything but time, secret and identity.
type filters struct {
	Action       []string `sep:"none" placeholder:"ACTION" group:"filter" help:"What was done; a comma list, or repeated."`
	IdentityType *string  `placeholder:"TYPE" group:"filter" help:"user, service_account, group or system."`
	PathPrefix   *string  `placeholder:"PATH" group:"filter" help:"Secrets at and below this path."`
	Success      *string  `placeholder:"BOOL" group:"filter" help:"true or false."`
	SourceIP     []string `sep:"none" placeholder:"IP" group:"filter" help:"From where; a comma list, or repeated."`
	RequestID    *string  `placeholder:"ID" group:"filter" help:"The producer's name of the request."`

	Extra map[string]string `mapsep:"none" placeholder:"KEY=VALUE" group:"filter" help:"Of extra_data; repeatable."`

	NotAction     []string `sep:"none" placeholder:"ACTION" group:"filter" help:"Leave out what was done."`
	NotIdentityID *string  `placeholder:"ID" group:"filter" help:"Leave out one identity."`
	NotPathPrefix *string  `placeholder:"PATH" group:"filter" help:"Leave out secrets at and below this path."`
	NotSourceIP   []string `sep:"none" placeholder:"IP" group:"filter" help:"Leave out an address."`
}

// ofIdentity and ofSecret are filters that a trail has as its argument.
type (
	ofIdentity struct {
		IdentityID *string `placeholder:"ID" group:"filter" help:"Who did it, exactly, as user:alice@example.org."`
	}
	ofSecret struct {
		SecretPath *string `placeholder:"PATH" group:"filter" help:"To which secret, exactly."`
	}
)

// params gathers parameters of a query, whose rules are those of the API: what
// the server would refuse is refused before it is asked.
type params audit.Params

// set takes over a flag that was given.
func (p params) set(name string, value *string) {
	if value != nil {
		p[name] = *value
	}
}

func (p params) list(name string, values []string) {
	if len(values) > 0 {
		p[name] = strings.Join(values, ",")
	}
}

func (p params) period(t *period, now time.Time) {
	p.set("from", absolute(t.From, now))
	p.set("to", absolute(t.To, now))
}

func (p params) filters(f *filters) {
	p.list("action", f.Action)
	p.set("identity_type", f.IdentityType)
	p.set("path_prefix", f.PathPrefix)
	p.set("success", f.Success)
	p.list("source_ip", f.SourceIP)
	p.set("request_id", f.RequestID)
	for key, value := range f.Extra {
		p["extra."+key] = value
	}
	p.list("not_action", f.NotAction)
	p.set("not_identity_id", f.NotIdentityID)
	p.set("not_path_prefix", f.NotPathPrefix)
	p.list("not_source_ip", f.NotSourceIP)
}

// absolute turns how long ago (24h) into a time; everything else is left to
// whoever reads times.
func absolute(s *string, now time.Time) *string {
	if s == nil || len(*s) < 2 {
		return s
	}
	units := map[byte]audit.Time{
		's': audit.Second, 'm': audit.Minute, 'h': audit.Hour, 'd': audit.Day, 'w': 7 * audit.Day,
	}
	unit, ok := units[(*s)[len(*s)-1]]
	n, err := strconv.ParseUint((*s)[:len(*s)-1], 10, 31)
	if !ok || err != nil || n > uint64(audit.TimeOf(now)/unit) {
		return s
	}
	t := (audit.TimeOf(now) - audit.Time(n)*unit).String()
	return &t
}
