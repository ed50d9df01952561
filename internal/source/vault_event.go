package source

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/scaivault/audit"
)

// form is which lines of a request an event is made of.
type form string

const (
	pair       form = "pair"     // the request and its answer
	lone       form = "request"  // a request that nobody answered in time
	answerOnly form = "response" // an answer whose request was never seen
	late       form = "late"     // an answer whose request was given up
)

// eventID derives the id of an event from the line that completes it: from its
// type and the key of its request. So the same lines always give the same id, a
// file that is read twice adds nothing, and of several devices the log keeps the
// first line per request and type (contract §12). A lone request and its late
// answer are two events.
func eventID(answered bool, key []byte) audit.EventID {
	kind := "request "
	if answered {
		kind = "response "
	}
	var room [64]byte // for most keys
	sum := sha256.Sum256(append(append(room[:0], kind...), key...))
	return audit.EventID(hex.AppendEncode(append(room[:0], "log_vault_"...), sum[:16]))
}

// exchange is a request with what became of it.
type exchange struct {
	form              form
	request, response *entry // one may be nil
	earlier           audit.EventID
	waited            *waiting   // what the request was until now; nil without one
	keeper            *Originals // who keeps the lines; nil for nobody
}

// whole returns the line that says most: an answer repeats its request.
func (x *exchange) whole() *entry {
	if x.response != nil {
		return x.response
	}
	return x.request
}

// event returns the exchange as an event. It is valid whatever the lines hold,
// and depends on nothing but them.
func (x *exchange) event() audit.Event {
	e := x.whole()
	action := e.request.action()
	id, kind := e.identity(action)
	path := e.request.secretPath()
	ip := e.request.sourceIP()
	event := audit.Event{
		Timestamp:    x.time(),
		Action:       action,
		IdentityType: kind,
		IdentityID:   id,
		SecretPath:   path,
		SourceIP:     ip,
		UserAgent:    cutText(e.request.userAgent, audit.MaxUserAgent),
		Success:      x.succeeded(),
		DurationMS:   x.duration(),
		RequestID:    requestID(e.request.id),
		ExtraData:    x.extra(ip),
	}
	if event.Timestamp != audit.NoTime {
		event.ID = eventID(x.response != nil, x.whole().idKey())
	}
	return event
}

// isLate reports whether an event is of an answer that came late: its extra
// data begins with the request that it names.
func isLate(e *audit.Event) bool { return strings.HasPrefix(e.ExtraData, `{"late_for":`) }

// idKey is what the id is derived from: the id of the request or, where there
// is none, the line itself.
func (e *entry) idKey() []byte {
	if id := e.request.id; id != "" {
		return []byte(id)
	}
	sum := e.digest()
	return sum[:]
}

// requestID returns id as an event can hold it.
func requestID(id string) string {
	if utf8.RuneCountInString(id) > audit.MaxRequestID {
		return cutHashed(id, audit.MaxRequestID)
	}
	return id
}

// time returns when the request came in, else when it was answered.
func (x *exchange) time() audit.Time {
	if x.request != nil && x.request.time != audit.NoTime {
		return x.request.time
	}
	return x.whole().time
}

// duration returns the milliseconds between the two lines, rounded down.
func (x *exchange) duration() int32 {
	if x.request == nil || x.response == nil ||
		x.request.time == audit.NoTime || x.response.time == audit.NoTime {
		return 0
	}
	ms := (x.response.time - x.request.time) / (audit.Second / 1000)
	return int32(min(max(ms, 0), audit.MaxDuration))
}

// succeeded reports whether Vault did what it was asked: no line has an error,
// the policies allow it and the answer is no error. What was never answered
// did not succeed as far as anybody knows.
func (x *exchange) succeeded() bool {
	if x.response == nil || x.error() != "" || x.response.auth.denied ||
		x.request != nil && x.request.auth.denied {
		return false
	}
	// Vault puts an error into the data of its answer. A secret of KV version
	// 1 may have a field of that name, beside others.
	a := &x.response.answer
	if a.hasError && (a.members == 1 || x.response.request.mountType != "kv") {
		return false
	}
	if a.status == "" {
		return true
	}
	status, err := strconv.Atoi(a.status)
	return err != nil || status < 400
}

// error returns the text of the error: of the answer, else of the request.
func (x *exchange) error() string {
	if x.response != nil && x.response.err != "" || x.request == nil {
		return x.response.err
	}
	return x.request.err
}
