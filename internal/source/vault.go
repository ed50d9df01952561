package source

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/netip"
	"strings"
	"sync"

	"github.com/scaivault/audit"
)

// entry is one line of a Vault or OpenBao audit device, reduced to what an
// event can hold. Members that are absent are zero.
type entry struct {
	response bool // the answer to a request; false: the request itself
	time     audit.Time
	timeText string // as the line has it
	err      string
	// forwardedFrom is the standby that a request came through; forwarded says
	// on the line of the answer that there was one.
	forwardedFrom string
	forwarded     bool
	auth          caller // who asked
	request       request
	answer        answer

	size int      // of the line in bytes
	line string   // the line, of which the texts are part, until digest has its hash; "" if it has
	sum  [32]byte // SHA-256 of the line, for [entry.digest]
	kept int      // bytes kept in memory
	cut  bool     // whether something of the line was left out
	bare bool     // the device does not hash (log_raw), or may not: secrets may stand in it
}

// caller is a token and who holds it.
type caller struct {
	displayName, entityID         string
	accessor, token               string
	tokenType, ttl, remainingUses string
	policies, granting            []string
	metadata                      string // a canonical JSON object
	denied                        bool   // policy_results.allowed is false
}

// request is what was asked for.
type request struct {
	id, clientID, operation                        string
	path, mountPoint, mountType, mountClass        string
	namespaceID, namespace, cluster                string
	accessor, token, address, port, certificate    string
	wrapTTL                                        string
	client                                         string // the address behind trusted proxies; else ""
	headers                                        string // a canonical JSON object
	userAgent                                      string
	data                                           string // a canonical JSON object
	policyOverride, bindsPolicies, unbindsPolicies bool
}

// answer is what Vault replied.
type answer struct {
	issued            caller // the token that a login or a creation gave
	leaseID, redirect string
	wrapInfo          string // a canonical JSON object
	warnings          []string
	data              string // a canonical JSON object
	members           int    // of data
	hasError          bool   // data has a member error
	status            string // data's http_status_code
}

// parse reads a line of an audit device. It may have a prefix (an option
// of the devices), and members that nobody knows yet are passed over; what is
// not one JSON object of type request or response is an error. Errors never
// quote the line: it may hold secrets. The address that a trusted proxy tells
// is the client's.
func (e *entry) parse(line []byte, trusted []netip.Prefix) error {
	start := objectStart(line)
	if start < 0 {
		return errNoObject
	}
	e.begin(string(line))
	p := parsers.Get().(*vaultParser)
	defer p.release()
	p.e, p.scanner = e, scanner{text: e.line[start:]}
	p.in, p.fast = &p.scanner, &p.scanner
	err := p.parse(trusted)
	if !errors.Is(err, errOdd) {
		return err
	}
	e.begin(e.line)
	e.digest()
	slow := vaultParser{reader: newReader(line[start:]), e: e}
	return slow.parse(trusted)
}

// begin makes e the entry of a line of which nothing was read. Its lists are used
// again.
func (e *entry) begin(line string) {
	policies, granting := e.auth.policies[:0], e.auth.granting[:0]
	*e = entry{time: audit.NoTime, size: len(line), line: line}
	e.auth.policies, e.auth.granting = policies, granting
}

// parsers are the parsers that have done their work. What they have grown to is
// bounded, as are the texts that are kept of a line.
var parsers = sync.Pool{New: func() any { return &vaultParser{reader: new(reader)} }}

func (p *vaultParser) release() {
	*p.reader = reader{scratch: p.scratch}
	*p = vaultParser{reader: p.reader}
	parsers.Put(p)
}

// digest returns the SHA-256 of the line. Most lines are never asked for theirs:
// it is for what is cut, kept or journaled, and for requests without an id.
func (e *entry) digest() [32]byte {
	if e.line != "" {
		e.sum, e.line = sha256.Sum256([]byte(e.line)), ""
	}
	return e.sum
}

// digestText returns the digest in hex.
func (e *entry) digestText() string {
	sum := e.digest()
	return hex.EncodeToString(sum[:])
}

// parseLong is [entry.parse] for a line whose rest is still to be read; size and
// sum are the caller's to fill in.
func parseLong(head []byte, rest io.Reader, trusted []netip.Prefix) (*entry, error) {
	start := objectStart(head)
	if start < 0 {
		return nil, errNoObject
	}
	e := &entry{time: audit.NoTime}
	in := newDecoder(io.MultiReader(bytes.NewReader(head[start:]), rest))
	p := &vaultParser{reader: &reader{in: in}, e: e}
	return e, p.parse(trusted)
}

var errNoObject = errors.New("no JSON object")

// objectStart returns where the JSON object of a line begins, or -1.
func objectStart(line []byte) int {
	if start := bytes.Index(line, []byte(`{"`)); start >= 0 {
		return start
	}
	return bytes.IndexByte(line, '{')
}

// parse reads the line into its entry.
func (p *vaultParser) parse(trusted []netip.Prefix) error {
	if err := p.all(p.line); err != nil {
		return err
	}
	e := p.e
	switch p.kind {
	case "request", "response":
		e.response = p.kind == "response"
	default:
		return errors.New("not of type request or response")
	}
	if t, err := audit.ParseTime(e.timeText); err == nil {
		e.time = t
	}
	e.request.client = clientOf(e.request.address, p.forwardedFor, trusted)
	e.kept, e.cut = max(p.kept, len(e.line)), p.cut
	e.bare = isBare(e.auth.token) || isBare(e.request.token) || isBare(e.answer.issued.token) ||
		!e.hashed() && (e.cut || e.request.data != "" || e.answer.data != "" || e.answer.wrapInfo != "")
	if e.bare {
		e.withhold()
	}
	return nil
}

// hashed reports whether the line shows that its device hashes: it has the HMAC of a
// token or in its data. A login, above all one that fails, has no token.
func (e *entry) hashed() bool {
	return e.hasToken() ||
		strings.Contains(e.request.data, hashedString) || strings.Contains(e.answer.data, hashedString) ||
		strings.Contains(e.answer.wrapInfo, hashedString)
}

func (e *entry) hasToken() bool {
	return e.auth.token != "" || e.request.token != "" || e.answer.issued.token != ""
}

const (
	hashedPrefix = "hmac-"
	hashedString = `"` + hashedPrefix // in JSON
)

// withhold forgets what is secret in a line of a device that does not hash, or may
// not. It must not be kept, not even until the answer comes.
func (e *entry) withhold() {
	for _, token := range []*string{&e.auth.token, &e.request.token, &e.answer.issued.token} {
		if isBare(*token) {
			*token = "withheld"
		}
	}
	e.request.data, e.answer.data, e.answer.wrapInfo = "", "", ""
	e.digest()
	for _, text := range e.asked() { // which are part of the line
		*text = strings.Clone(*text)
	}
	for _, list := range e.askedLists() {
		for i, text := range *list {
			(*list)[i] = strings.Clone(text)
		}
	}
}

// isBare reports whether a token stands in the line as it is; the devices
// write its HMAC unless they are told not to (log_raw).
func isBare(token string) bool {
	return token != "" && !strings.HasPrefix(token, hashedPrefix)
}

// vaultParser reads one line into its entry, member by member.
type vaultParser struct {
	*reader
	e       *entry
	scanner scanner // of a line in memory
	kind    string
	// forwardedFor are the values of the header X-Forwarded-For.
	forwardedFor []string
}

func (p *vaultParser) line(name string) error {
	switch name {
	case "type":
		return p.text(&p.kind)
	case "time":
		return p.text(&p.e.timeText)
	case "error":
		return p.text(&p.e.err)
	case "forwarded_from":
		return p.text(&p.e.forwardedFrom)
	case "forwarded":
		return p.flag(&p.e.forwarded)
	case "auth":
		return p.caller(&p.e.auth)
	case "request":
		return p.object(p.requestMember)
	case "response":
		return p.object(p.answerMember)
	}
	return p.in.skip()
}

func (p *vaultParser) caller(c *caller) error {
	return p.object(func(name string) error {
		switch name {
		case "display_name":
			return p.text(&c.displayName)
		case "entity_id":
			return p.text(&c.entityID)
		case "accessor":
			return p.text(&c.accessor)
		case "client_token":
			return p.text(&c.token)
		case "token_type":
			return p.text(&c.tokenType)
		case "token_ttl":
			return p.text(&c.ttl)
		case "remaining_uses":
			return p.text(&c.remainingUses)
		case "policies":
			return p.list(&c.policies)
		case "metadata":
			return p.keep(&c.metadata, maxText, ignore)
		case "policy_results":
			return p.policyResults(c)
		}
		return p.in.skip()
	})
}

func (p *vaultParser) policyResults(c *caller) error {
	allowed := true
	err := p.object(func(name string) error {
		switch name {
		case "allowed":
			return p.flag(&allowed)
		case "granting_policies":
			return p.granting(&c.granting)
		}
		return p.in.skip()
	})
	c.denied = !allowed
	return err
}

// granting reads the names of policies; the nameless one that Vault lists
// beside them stands for the token being one at all.
func (p *vaultParser) granting(dst *[]string) error {
	l := textList{reader: p.reader, items: dst}
	return p.array(func() error {
		return p.object(func(name string) error {
			if name == "name" {
				return l.text()
			}
			return p.in.skip()
		})
	})
}

func (p *vaultParser) requestMember(name string) error {
	q := &p.e.request
	switch name {
	case "namespace":
		return p.namespace(q)
	case "headers":
		return p.headers(q)
	case "data":
		return p.keep(&q.data, audit.MaxExtraData, q.note)
	case "policy_override":
		return p.flag(&q.policyOverride)
	}
	if dst := q.text(name); dst != nil {
		return p.text(dst)
	}
	return p.in.skip()
}

// text returns where the member of that name, a string or number, belongs.
func (q *request) text(name string) *string {
	switch name {
	case "id":
		return &q.id
	case "client_id":
		return &q.clientID
	case "operation":
		return &q.operation
	case "path":
		return &q.path
	case "mount_point":
		return &q.mountPoint
	case "mount_type":
		return &q.mountType
	case "mount_class":
		return &q.mountClass
	case "replication_cluster":
		return &q.cluster
	case "client_token_accessor":
		return &q.accessor
	case "client_token":
		return &q.token
	case "remote_address":
		return &q.address
	case "remote_port":
		return &q.port
	case "client_certificate_serial_number":
		return &q.certificate
	case "wrap_ttl":
		return &q.wrapTTL
	}
	return nil
}

func (p *vaultParser) namespace(q *request) error {
	return p.object(func(name string) error {
		switch name {
		case "id":
			return p.text(&q.namespaceID)
		case "path":
			return p.text(&q.namespace)
		}
		return p.in.skip()
	})
}

// headers reads the headers that the device records, the user agent apart.
func (p *vaultParser) headers(q *request) error {
	o := object{limit: maxText}
	err := p.object(func(name string) error {
		values, err := p.values()
		if len(values) > 0 && strings.EqualFold(name, "user-agent") {
			q.userAgent = values[0]
			return err
		}
		if strings.EqualFold(name, "x-forwarded-for") {
			p.forwardedFor = values
		}
		o.add(name, appendTexts(nil, values))
		return err
	})
	p.take(&q.headers, o.String(), o.cut)
	return err
}

// note looks at a member of the data of a request for what decides about its
// action: a role, user, group or entity is given policies, or an empty list.
func (q *request) note(name, value string) {
	switch name {
	case "policies", "token_policies", "default_policies":
		empty := value == "[]" || value == `""` || value == "null"
		q.bindsPolicies = q.bindsPolicies || !empty
		q.unbindsPolicies = q.unbindsPolicies || empty
	}
}

func (p *vaultParser) answerMember(name string) error {
	a := &p.e.answer
	switch name {
	case "auth":
		return p.caller(&a.issued)
	case "secret":
		return p.object(func(name string) error {
			if name == "lease_id" {
				return p.text(&a.leaseID)
			}
			return p.in.skip()
		})
	case "redirect":
		return p.text(&a.redirect)
	case "warnings":
		return p.list(&a.warnings)
	case "wrap_info":
		return p.keep(&a.wrapInfo, maxText, ignore)
	case "data":
		return p.keep(&a.data, audit.MaxExtraData, a.note)
	}
	return p.in.skip()
}

// note looks at a member of the data of an answer for what tells a failure.
func (a *answer) note(name, value string) {
	a.members++
	switch name {
	case "error":
		a.hasError = a.hasError || value != "null"
	case "http_status_code":
		a.status = value
	}
}
