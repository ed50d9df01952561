package source

import (
	"cmp"
	"strconv"
	"sync"

	"github.com/scaivault/audit"
)

// truncatedSize is room for the member truncated.
const truncatedSize = 320

// extraData builds the extra data of an event. Members come in the order of
// their worth; those that are absent from the lines are absent here.
type extraData struct {
	object
	quoted []byte // room for one value
}

// extras are those whose room can be used again.
var extras = sync.Pool{New: func() any { return new(extraData) }}

// extra returns what the lines say beyond the fields of an event, as much as
// fits. What was left out is on record in the member truncated, with the sizes
// of the lines and their SHA-256.
func (x *exchange) extra(ip string) string {
	d := extras.Get().(*extraData)
	defer extras.Put(d)
	d.object = object{limit: audit.MaxExtraData - truncatedSize, buf: d.buf[:0], names: d.names[:0]}
	e := x.whole()
	if x.form == lone {
		d.text("outcome", "unknown")
	}
	d.text("late_for", string(x.earlier))
	x.kept(d)
	d.text("operation", e.request.operation)
	d.text("path", e.request.path)
	d.text("error", x.error())
	d.request(&e.request)
	d.caller(&e.auth, cmp.Or(e.auth.token, e.request.token))
	d.answer(&e.answer)
	d.route(x)
	x.odd(d, ip)
	switch {
	case e.bare && e.hasToken():
		d.text("withheld", "the device does not hash what it writes")
	case e.bare:
		d.text("withheld", "nothing tells whether the device hashes what it writes")
	default:
		d.payload("wrap_info", e.answer.wrapInfo)
		d.payload("request_data", e.request.data)
		d.payload("response_data", e.answer.data)
	}
	if d.cut || x.request != nil && x.request.cut || x.response != nil && x.response.cut {
		d.limit = audit.MaxExtraData
		d.add("truncated", x.originals())
	}
	return d.String()
}

func (d *extraData) request(q *request) {
	d.text("namespace", q.namespace)
	d.text("namespace_id", q.namespaceID)
	d.text("mount_point", q.mountPoint)
	d.text("mount_type", q.mountType)
	d.text("mount_class", q.mountClass)
	d.number("remote_port", q.port)
	d.text("client_id", q.clientID)
	d.text("client_certificate_serial_number", q.certificate)
	d.text("replication_cluster", q.cluster)
	d.text("wrap_ttl", q.wrapTTL)
	d.flag("policy_override", q.policyOverride)
	d.payload("headers", q.headers)
}

// caller adds who asked, and the hash of the token: by it a leaked one is found.
func (d *extraData) caller(c *caller, token string) {
	d.text("display_name", c.displayName)
	d.text("entity_id", c.entityID)
	d.text("accessor", c.accessor)
	d.hash("client_token", token)
	d.text("token_type", c.tokenType)
	d.number("token_ttl", c.ttl)
	d.number("remaining_uses", c.remainingUses)
	d.texts("policies", c.policies)
	d.texts("granting_policies", c.granting)
	d.payload("metadata", c.metadata)
}

func (d *extraData) answer(a *answer) {
	d.text("lease_id", a.leaseID)
	d.text("issued_display_name", a.issued.displayName)
	d.text("issued_entity_id", a.issued.entityID)
	d.text("issued_accessor", a.issued.accessor)
	d.hash("issued_client_token", a.issued.token)
	d.text("issued_token_type", a.issued.tokenType)
	d.number("issued_token_ttl", a.issued.ttl)
	d.texts("issued_policies", a.issued.policies)
	d.payload("issued_metadata", a.issued.metadata)
	d.texts("warnings", a.warnings)
	d.text("redirect", a.redirect)
}

// route adds the standby that the request came through. The line of the
// request names it, the line of the answer says only that there was one.
func (d *extraData) route(x *exchange) {
	from := x.whole().forwardedFrom
	if from == "" && x.request != nil {
		from = x.request.forwardedFrom
	}
	d.text("forwarded_from", from)
	d.flag("forwarded", x.whole().forwarded)
}

// odd adds what a field of the event could not take as it was.
func (x *exchange) odd(d *extraData, ip string) {
	q := &x.whole().request
	if ip != q.address {
		d.text("remote_address", q.address)
	}
	if requestID(q.id) != q.id {
		d.text("request_id", q.id)
	}
	d.cut = d.cut || len(q.userAgent) > audit.MaxUserAgent
	for _, e := range []*entry{x.request, x.response} {
		if e != nil && e.time == audit.NoTime {
			d.text("time", e.timeText)
		}
	}
}

// kept adds the hashes of the lines that are kept as they came: by them they are found.
func (x *exchange) kept(d *extraData) {
	if x.request != nil && x.keeper.wants(x.request) {
		d.text("request_sha256", x.request.digestText())
	}
	if x.response != nil && x.keeper.wants(x.response) {
		d.text("response_sha256", x.response.digestText())
	}
}

// originals names the lines that the event was made of.
func (x *exchange) originals() []byte {
	o := object{limit: truncatedSize}
	for _, e := range []*entry{x.request, x.response} {
		if e == nil {
			continue
		}
		prefix := "request_"
		if e.response {
			prefix = "response_"
		}
		o.add(prefix+"size", strconv.AppendInt(nil, int64(e.size), 10))
		o.add(prefix+"sha256", audit.AppendString(nil, e.digestText()))
	}
	return []byte(o.String())
}

// text adds a string, cut to [maxText] bytes of JSON.
func (d *extraData) text(name, value string) {
	if value == "" {
		return
	}
	d.quoted = audit.AppendString(d.quoted[:0], value)
	for n := maxText; len(d.quoted) > maxText; n /= 2 {
		d.cut = true
		d.quoted = audit.AppendString(d.quoted[:0], cutText(value, n))
	}
	d.add(name, d.quoted)
}

// hash adds the hash of a token; one that is not hashed is not added.
func (d *extraData) hash(name, token string) {
	if !isBare(token) {
		d.text(name, token)
	}
}

func (d *extraData) texts(name string, values []string) {
	if len(values) > 0 {
		d.quoted = appendTexts(d.quoted[:0], values)
		d.add(name, d.quoted)
	}
}

// number adds a number as it is written; what is none, as a string.
func (d *extraData) number(name, value string) {
	if value == "" {
		return
	}
	if _, err := strconv.ParseUint(value, 10, 64); err != nil || value[0] == '0' && value != "0" {
		d.text(name, value)
		return
	}
	d.quoted = append(d.quoted[:0], value...)
	d.add(name, d.quoted)
}

func (d *extraData) flag(name string, value bool) {
	if value {
		d.add(name, []byte("true"))
	}
}

// payload adds an object, or what fits of it.
func (d *extraData) payload(name, object string) {
	if object == "" {
		return
	}
	room := d.limit - len(d.buf) - len(`,"":}`) - len(name)
	short := shrink(object, room)
	d.cut = d.cut || len(short) < len(object)
	if short != "" {
		d.quoted = append(d.quoted[:0], short...)
		d.add(name, d.quoted)
	}
}
