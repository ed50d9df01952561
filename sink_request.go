package audit

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// OCSFVersions returns the versions of the schema that a sink can write.
func OCSFVersions() []string {
	return []string{"1.1.0", "1.5.0", "1.6.0", "1.7.0", "1.8.0", "1.9.0"}
}

// DefaultOCSF is the version of OCSF that a sink writes unless it says otherwise.
const DefaultOCSF = "1.8.0"

// MarshalJSON returns the body that [DecodeSinkRequest] reads.
func (r SinkRequest) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Sink
		Index *uint64 `json:"from_index,omitempty"`
		Time  *Time   `json:"from,omitempty"`
	}{r.Sink, r.Start.Index, r.Start.Time})
}

// DecodeSinkRequest reads the body of a request for a sink. Text that is not an
// object of strict JSON, as for [DecodeEvent], is a [CodeInvalidRequest];
// unknown members and bad values are a [CodeValidationError] that lists every
// offender. A name of a file with credentials is refused unless the text is of
// the operator's own settings.
func DecodeSinkRequest(body string, operator bool) (SinkRequest, error) {
	if err := checkSyntax(body); err != nil {
		return SinkRequest{}, err
	}
	members, err := objectMembers(body)
	if err != nil {
		return SinkRequest{}, err
	}
	var bad []FieldError
	b := bodyReader{members: members, bad: &bad}
	r := SinkRequest{Sink: b.sink(operator), Start: b.start()}
	b.end()
	return r, Invalid(bad)
}

func (b *bodyReader) sink(operator bool) Sink {
	var s Sink
	name, _ := b.text("name")
	if s.Name = SinkName(name); !s.Name.Valid() {
		b.fail("name", "want 1 to 64 of a-z, 0-9 and -, not - first")
	}
	kind, _ := b.text("type")
	s.Type = SinkType(kind)
	if _, known := sinkMembers[s.Type]; !known {
		b.fail("type", "want https, splunk_hec, syslog, otlp or file")
		clear(b.members) // what else is right follows from the type
		return s
	}
	b.sinkFormat(&s)
	b.sinkFilters(&s)
	s.BatchEvents = b.number("batch_events", 1, MaxSinkBatch, DefaultSinkBatch)
	b.sinkSecret(&s, operator)
	b.sinkMembers(&s)
	return s
}

func (b *bodyReader) sinkFormat(s *Sink) {
	s.Format = SinkJSON
	if v, ok := b.text("format"); ok {
		s.Format = SinkFormat(v)
	}
	if !slices.Contains([]SinkFormat{SinkJSON, SinkOCSF, SinkECS, SinkCEF}, s.Format) {
		b.fail("format", "want json, ocsf, ecs or cef")
	}
	if s.Format != SinkOCSF {
		return
	}
	s.OCSFVersion = DefaultOCSF
	if v, ok := b.text("ocsf_version"); ok {
		s.OCSFVersion = v
	}
	if !slices.Contains(OCSFVersions(), s.OCSFVersion) {
		b.fail("ocsf_version", "want one of "+strings.Join(OCSFVersions(), ", "))
	}
}

func (b *bodyReader) sinkFilters(s *Sink) {
	if f := b.object("filters"); f != nil {
		filter, bad := readFilters(f.members, Params{})
		*b.bad = append(*b.bad, bad...)
		s.Filters = ExportFilters(filter)
	}
	if text, _ := s.Filters.MarshalJSON(); len(text) > MaxExportFilters {
		b.fail("filters", fmt.Sprintf("want at most %d bytes", MaxExportFilters))
	}
}

// sinkSecret reads where the credentials are.
func (b *bodyReader) sinkSecret(s *Sink, operator bool) {
	if s.Type == SinkFile {
		return
	}
	path, ok := b.text("secret_path")
	if s.SecretPath = Path(path); ok && pathRule(path) != "" {
		b.fail("secret_path", pathRule(path))
	}
	if operator {
		s.SecretFile, _ = b.text("secret_file")
	}
	switch {
	case s.SecretPath != "" && s.SecretFile != "":
		b.fail("secret_file", "want it or secret_path, not both")
	case s.SecretPath == "" && s.SecretFile == "" && s.Type == SinkHEC:
		b.fail("secret_path", "is required: the path of the secret with the member token")
	}
}

// sinkMembers are the members that only some types have.
var sinkMembers = map[SinkType][]string{
	SinkHTTPS:  {"url", "headers", "array", "plain"},
	SinkHEC:    {"url", "plain", "index", "source", "sourcetype", "ack", "host"},
	SinkSyslog: {"url", "host"},
	SinkOTLP:   {"url", "headers", "plain"},
	SinkFile:   {"file_bytes"},
}

func (b *bodyReader) sinkMembers(s *Sink) {
	for _, name := range sinkMembers[s.Type] {
		switch name {
		case "url":
			b.sinkURL(s)
		case "headers":
			b.sinkHeaders(s)
		case "array":
			s.Array = b.truth(name)
			if s.Array && s.Format == SinkCEF {
				b.fail(name, "want lines for cef, which is no JSON")
			}
		case "plain":
			s.Plain = b.truth(name)
		case "ack":
			s.Ack = b.truth(name)
		case "index":
			s.Index = b.word(name)
		case "source":
			s.Source = b.word(name)
		case "sourcetype":
			s.SourceType = b.word(name)
		case "host":
			s.Host = b.word(name)
		case "file_bytes":
			s.FileBytes = int64(b.number(name, MinSinkFile, MaxSinkFile, DefaultSinkFile))
		}
	}
}

func (b *bodyReader) truth(name string) bool {
	raw, ok := b.take(name)
	if ok && raw != "true" && raw != "false" {
		b.fail(name, "want true or false, without quotes")
	}
	return raw == "true"
}

// maxWord is the longest name of a host, an index or the like in bytes (RFC
// 5424, section 6: the longest HOSTNAME).
const maxWord = 255

// word returns a text that goes into headers of messages: visible ASCII.
func (b *bodyReader) word(name string) string {
	text, ok := b.text(name)
	notVisible := func(r rune) bool { return r <= ' ' || r > '~' }
	if ok && (text == "" || len(text) > maxWord || strings.ContainsFunc(text, notVisible)) {
		b.fail(name, fmt.Sprintf("want 1 to %d of visible ASCII, without spaces", maxWord))
	}
	return text
}

// maxURL is the longest URL of a receiver in bytes.
const maxURL = 2048

func (b *bodyReader) sinkURL(s *Sink) {
	text, ok := b.text("url")
	if !ok {
		b.fail("url", "is required")
		return
	}
	u, err := url.Parse(text)
	want, schemes := "an https://HOST/… URL", []string{"https", "http"}
	if s.Type == SinkSyslog {
		want, schemes = "tls://HOST:PORT or tcp://HOST:PORT", []string{"tls", "tcp"}
	}
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "" || !slices.Contains(schemes, u.Scheme) || len(text) > maxURL,
		s.Type == SinkSyslog && (u.Port() == "" || u.Path != "" || u.RawQuery != ""):
		b.fail("url", "want "+want)
	case u.User != nil || u.Fragment != "":
		b.fail("url", "want no user, no password and no fragment in it")
	}
	s.URL = text
}

// headerName is the name of a header (RFC 9110, section 5.1), and notOurs are
// those that a sink sets itself, or that change what a request is.
var (
	headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$")
	notOurs    = []string{"host", "content-length", "content-type", "content-encoding", "transfer-encoding",
		"connection", "te", "trailer", "upgrade", "x-scaivault-timestamp", "x-scaivault-signature"}
)

func (b *bodyReader) sinkHeaders(s *Sink) {
	h := b.object("headers")
	if h == nil {
		return
	}
	s.Headers = make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(h.members)) {
		member, ok := h.text(name)
		switch {
		case !headerName.MatchString(name) || slices.Contains(notOurs, strings.ToLower(name)):
			h.fail(name, "is no header that a sink can have")
		case !ok || member == "":
			h.fail(name, "want the name of a member of the secret, not the value itself")
		}
		s.Headers[name] = member
	}
	if s.SecretPath == "" && s.SecretFile == "" {
		b.fail("headers", "want a secret that has their values")
	}
}

func (b *bodyReader) start() SinkStart {
	var start SinkStart
	if _, ok := b.members["from_index"]; ok {
		n := uint64(b.number("from_index", 0, MaxIndex, 0))
		start.Index = &n
	}
	if text, ok := b.text("from"); ok {
		t, err := ParseTime(text)
		if err != nil {
			b.fail("from", "want a time as 2026-01-01T00:00:00Z")
		}
		start.Time = &t
	}
	if start.Index != nil && start.Time != nil {
		b.fail("from", "want it or from_index, not both")
	}
	return start
}

// ParseSinkStart reads the parameters with which a sink is resumed.
func ParseSinkStart(p Params) (SinkStart, error) {
	r := paramReader{params: p}
	var start SinkStart
	if text, ok := r.take("from_index"); ok {
		n, ok := digits(text, MaxIndex)
		if !ok {
			r.fail("from_index", "want the index of an event")
		}
		index := uint64(n)
		start.Index = &index
	}
	start.Time = r.time("from")
	if start.Index != nil && start.Time != nil {
		r.fail("from", "want it or from_index, not both")
	}
	return start, r.err()
}
