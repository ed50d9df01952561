package audit

import "regexp"

// SinkType is a way in which events go to another system.
type SinkType string

// The types of sinks.
const (
	SinkHTTPS  SinkType = "https"      // batches posted to a URL, signed
	SinkHEC    SinkType = "splunk_hec" // Splunk's HTTP Event Collector
	SinkSyslog SinkType = "syslog"     // RFC 5424 over TCP or TLS
	SinkOTLP   SinkType = "otlp"       // OpenTelemetry logs over HTTP
	SinkFile   SinkType = "file"       // files below a directory of the operator's
)

// SinkFormat is how a sink writes an event.
type SinkFormat string

// The formats of sinks.
const (
	SinkJSON SinkFormat = "json" // the canonical line
	SinkOCSF SinkFormat = "ocsf" // Open Cybersecurity Schema Framework, API Activity
	SinkECS  SinkFormat = "ecs"  // Elastic Common Schema
	SinkCEF  SinkFormat = "cef"  // ArcSight's Common Event Format
)

// Limits of sinks.
const (
	// MaxSinkBody is the longest body of a request in bytes.
	MaxSinkBody = 64 << 10
	// MaxSinks is how many sinks a tenant may have.
	MaxSinks = 20
	// MaxSinkBatch is the largest number of events of one delivery, and
	// DefaultSinkBatch what it is unless the sink says otherwise.
	MaxSinkBatch     = 10_000
	DefaultSinkBatch = 1000
	// MinSinkFile, DefaultSinkFile and MaxSinkFile are the bounds of the size in
	// bytes at which a file sink begins its next file.
	MinSinkFile     = 64 << 10
	DefaultSinkFile = 128 << 20
	MaxSinkFile     = 4 << 30
	// MaxSetAside is how many events that were set aside are shown.
	MaxSetAside = 100
)

// SinkName names a sink of a tenant: 1 to 64 of a-z, 0-9 and -, a letter or a
// digit first. It is part of the names of files.
type SinkName string

var sinkName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

// Valid reports whether n can be the name of a sink.
func (n SinkName) Valid() bool { return sinkName.MatchString(string(n)) }

// Sink says where the events of a tenant go, and which. It never holds a
// credential: those are the members of a secret.
type Sink struct {
	Name        SinkName      `json:"name"`
	Type        SinkType      `json:"type"`
	Format      SinkFormat    `json:"format"`
	OCSFVersion string        `json:"ocsf_version,omitempty"`
	Filters     ExportFilters `json:"filters"`
	BatchEvents int           `json:"batch_events,omitempty"`

	// URL is where the receiver is: https://… or, of syslog, tls://HOST:PORT and
	// tcp://HOST:PORT; "" of a file sink.
	URL string `json:"url,omitempty"`
	// SecretPath is the secret with the credentials; "" for none.
	SecretPath Path `json:"secret_path,omitempty"`
	// SecretFile is a file with the secret's members as JSON, which only the
	// operator's settings may name.
	SecretFile string `json:"secret_file,omitempty"`

	// Headers are headers of requests, with the member of the secret that has
	// the value; of the type https.
	Headers map[string]string `json:"headers,omitempty"`
	// Array posts a JSON array in place of lines; of the type https.
	Array bool `json:"array,omitempty"`
	// Plain posts without compression; of all that use HTTP.
	Plain bool `json:"plain,omitempty"`

	// Index, Source and SourceType are what Splunk files events under; Ack waits
	// for its indexers, too.
	Index      string `json:"index,omitempty"`
	Source     string `json:"source,omitempty"`
	SourceType string `json:"sourcetype,omitempty"`
	Ack        bool   `json:"ack,omitempty"`

	// Host is the name of the machine that events are said to come from; of
	// Splunk and syslog.
	Host string `json:"host,omitempty"`

	// FileBytes is the size at which the next file begins; of a file sink.
	FileBytes int64 `json:"file_bytes,omitempty"`
}

// SinkStart is where a sink begins, or begins again: at the end of the log, at
// an index, or with the first event that was received at a time or later.
type SinkStart struct {
	Index *uint64
	Time  *Time
}

// SinkRequest asks for a sink.
type SinkRequest struct {
	Sink  Sink
	Start SinkStart
}

// SinkState says how a sink does.
type SinkState string

// The states of sinks.
const (
	SinkRunning  SinkState = "running"
	SinkPaused   SinkState = "paused"
	SinkRetrying SinkState = "retrying" // it failed, and waits before it tries again
)

// SinkStatus is a sink and how it does.
type SinkStatus struct {
	Sink
	// Configured says that the operator's settings have the sink: requests
	// cannot remove it.
	Configured bool       `json:"configured"`
	CreatedBy  IdentityID `json:"created_by,omitempty"`
	CreatedAt  *Time      `json:"created_at"`

	State SinkState `json:"state"`
	// NextIndex is the index of the log from which on nothing is delivered.
	NextIndex uint64 `json:"next_index"`
	// LagEvents is how many events of the log are behind it, whether the filters
	// select them or not, and LagSeconds how long the first of them waits.
	LagEvents  uint64  `json:"lag_events"`
	LagSeconds float64 `json:"lag_seconds"`
	// Delivered counts the events that were acknowledged, PerSecond how many of
	// them in a second, of the last minute or so.
	Delivered uint64  `json:"delivered"`
	PerSecond float64 `json:"per_second"`
	// Failures counts deliveries that failed; InARow those since the last
	// success, of which LastError is the latest.
	Failures      uint64 `json:"failures"`
	InARow        int    `json:"failures_in_a_row"`
	LastError     string `json:"last_error,omitempty"`
	LastErrorAt   *Time  `json:"last_error_at"`
	LastSuccessAt *Time  `json:"last_success_at"`
	// SetAside counts the events that the receiver refused, each for itself.
	SetAside int `json:"set_aside"`
}

// SetAside is an event, or a damaged range of the log, that a sink could not
// deliver and went past.
type SetAside struct {
	Index  uint64  `json:"index"`
	To     uint64  `json:"to,omitempty"` // of a range: the index behind it
	ID     EventID `json:"id,omitempty"` // of an event
	At     Time    `json:"at"`
	Reason string  `json:"reason"`
}

// SinkTest is what a receiver answered to a synthetic event.
type SinkTest struct {
	OK      bool   `json:"ok"`
	Message string `json:"message"`
	TookMS  int64  `json:"took_ms"`
}
