package main

import (
	"fmt"
	"strings"

	"github.com/scaivault/audit"
)

type sinkCommand struct {
	Add    sinkAddCommand    `cmd:"" help:"Send events on to a SIEM, a collector or a file."`
	List   sinkListCommand   `cmd:"" help:"Show the sinks and how they do."`
	Test   sinkTestCommand   `cmd:"" help:"Send one synthetic event and show the answer."`
	Pause  sinkPauseCommand  `cmd:"" help:"Send nothing until it is resumed."`
	Resume sinkResumeCommand `cmd:"" help:"Go on, from where it was or from elsewhere."`
	Remove sinkRemoveCommand `cmd:"" help:"End a sink and forget how far it was."`
}

// Help is shown by sink --help.
func (sinkCommand) Help() string {
	return `A sink sends the events of a tenant on as they arrive: in order, each at least once.
It goes on behind what the receiver has acknowledged, also after a restart, and waits
for a receiver that is down, for as long as it takes. The token needs audit:admin.

Credentials are a secret of the server's (secret put), whose path you give.

Examples:

    scaivault-audit sink add splunk https://splunk.example.org:8088 --type splunk_hec \
        --secret sinks/splunk --format ocsf --index audit
    scaivault-audit sink test splunk
    scaivault-audit sink list
    scaivault-audit sink resume splunk --from 7d`
}

type sinkAddCommand struct {
	Name        string            `arg:"" help:"Its name: a-z, 0-9 and -."`
	URL         string            `arg:"" optional:"" help:"Where the receiver is; none for a file sink."`
	Type        string            `placeholder:"TYPE" help:"https, splunk_hec, syslog, otlp or file; by default as the URL says."`
	Format      string            `default:"json" placeholder:"FORMAT" help:"json (default), ocsf, ecs or cef."`
	OCSFVersion string            `name:"ocsf-version" placeholder:"VERSION" help:"Version of OCSF (default 1.8.0)."`
	Secret      string            `placeholder:"PATH" help:"Secret with the credentials."`
	Header      map[string]string `mapsep:"none" placeholder:"NAME=MEMBER" help:"Header of requests, with the member of the secret that is its value; repeatable."`
	BatchEvents int               `default:"1000" placeholder:"N" help:"Events of one delivery (default ${default})."`
	Array       bool              `help:"Post a JSON array in place of lines."`
	Plain       bool              `help:"Post without compression."`
	Index       string            `placeholder:"NAME" help:"Index of Splunk."`
	Source      string            `placeholder:"NAME" help:"Source of Splunk."`
	SourceType  string            `name:"sourcetype" placeholder:"NAME" help:"Source type of Splunk."`
	Ack         bool              `help:"Wait for Splunk's indexers, too."`
	Host        string            `placeholder:"NAME" help:"Machine that events come from; of Splunk and syslog."`
	FileSize    string            `placeholder:"SIZE" help:"Size of a file after which the next begins (default 128MiB)."`
	sinkStart
	ofIdentity
	ofSecret
	filters
	JSON bool `help:"Print JSON, as is done where no terminal is."`
	connection
}

// sinkStart says where a sink begins.
type sinkStart struct {
	From      *string `placeholder:"TIME" help:"Begin with what was received then: RFC 3339, or how long ago, as 24h, 7d."`
	FromIndex *string `placeholder:"N" help:"Begin at this index of the log; 0 is everything."`
}

func (s *sinkStart) parse(p *process) (audit.SinkStart, error) {
	params := params{}
	params.set("from", absolute(s.From, p.now()))
	params.set("from_index", s.FromIndex)
	return audit.ParseSinkStart(audit.Params(params))
}

// Help is shown by sink add --help.
func (sinkAddCommand) Help() string {
	return `Without --from or --from-index the sink begins with what arrives from now on.
The members of the secret, by type:

    https       any that --header names; optional: hmac_key, which signs each body
    splunk_hec  token
    otlp        any that --header names
    all of these and syslog, optional: ca, client_cert, client_key (PEM)

Examples:

    scaivault-audit sink add siem https://siem.example.org/in --secret sinks/siem \
        --header Authorization=authorization --format ecs
    scaivault-audit sink add sentinel tls://collector.example.org:6514 --format cef --success false
    scaivault-audit sink add otel https://otel.example.org:4318 --type otlp --from 24h
    scaivault-audit sink add archive --type file --from-index 0`
}

// Run makes a sink.
func (c *sinkAddCommand) Run(p *process) error {
	r, err := c.request(p)
	if err != nil {
		return err
	}
	api, err := c.open()
	if err != nil {
		return err
	}
	made, err := api.CreateSink(p.ctx, r)
	if err != nil {
		return err
	}
	if !p.tables(c.JSON) {
		return p.printValue(made)
	}
	_, err = fmt.Fprintf(p.stdout, "%s begins at index %d, %s behind.\nTry it: scaivault-audit sink test %[1]s\n",
		made.Name, made.NextIndex, plural(made.LagEvents, "event", "events"))
	return err
}

// request returns what is asked for, by the rules of the API: what the server
// would refuse is refused before it is asked.
func (c *sinkAddCommand) request(p *process) (audit.SinkRequest, error) {
	params := params{}
	params.set("identity_id", c.IdentityID)
	params.set("secret_path", c.SecretPath)
	params.filters(&c.filters)
	q, err := audit.ParseQuery(audit.Params(params))
	if err != nil {
		return audit.SinkRequest{}, err
	}
	start, err := c.parse(p)
	if err != nil {
		return audit.SinkRequest{}, err
	}
	var size int64
	if c.FileSize != "" {
		if size, err = parseSize(c.FileSize); err != nil {
			return audit.SinkRequest{}, err
		}
	}
	r := audit.SinkRequest{Start: start, Sink: audit.Sink{
		Name: audit.SinkName(c.Name), Type: c.kind(), Format: audit.SinkFormat(c.Format), OCSFVersion: c.OCSFVersion,
		Filters: audit.ExportFilters(q.Filter), BatchEvents: c.BatchEvents, URL: c.URL,
		SecretPath: audit.Path(c.Secret), Headers: c.Header, Array: c.Array, Plain: c.Plain, Index: c.Index,
		Source: c.Source, SourceType: c.SourceType, Ack: c.Ack, Host: c.Host, FileBytes: size,
	}}
	body, err := r.MarshalJSON()
	if err != nil {
		return r, err
	}
	const operator = false
	return audit.DecodeSinkRequest(string(body), operator)
}

// kind returns the type of the sink, by its URL if no flag says it.
func (c *sinkAddCommand) kind() audit.SinkType {
	switch {
	case c.Type != "":
		return audit.SinkType(c.Type)
	case c.URL == "":
		return audit.SinkFile
	case strings.HasPrefix(c.URL, "tls:") || strings.HasPrefix(c.URL, "tcp:"):
		return audit.SinkSyslog
	}
	return audit.SinkHTTPS
}

// sinkNamed is the sink that a command is about.
type sinkNamed struct {
	Name string `arg:"" help:"Name of the sink."`
	JSON bool   `help:"Print JSON, as is done where no terminal is."`
	connection
}

// printSink prints how a sink does.
func (p *process) printSink(s *audit.SinkStatus, asJSON bool) error {
	if !p.tables(asJSON) {
		return p.printValue(s)
	}
	return p.printSinks([]audit.SinkStatus{*s})
}

type sinkPauseCommand struct{ sinkNamed }

// Run pauses a sink.
func (c *sinkPauseCommand) Run(p *process) error {
	api, err := c.open()
	if err != nil {
		return err
	}
	s, err := api.PauseSink(p.ctx, audit.SinkName(c.Name))
	if err != nil {
		return err
	}
	return p.printSink(&s, c.JSON)
}

type sinkResumeCommand struct {
	sinkNamed
	sinkStart
}

// Help is shown by sink resume --help.
func (sinkResumeCommand) Help() string {
	return `With --from or --from-index the sink sends again what it sent already, or leaves out
what is between. It goes on at once, also if it was waiting to try again.

Examples:

    scaivault-audit sink resume splunk
    scaivault-audit sink resume splunk --from 2026-03-01T00:00:00Z
    scaivault-audit sink resume splunk --from-index 0`
}

// Run lets a sink go on.
func (c *sinkResumeCommand) Run(p *process) error {
	start, err := c.parse(p)
	if err != nil {
		return err
	}
	api, err := c.open()
	if err != nil {
		return err
	}
	s, err := api.ResumeSink(p.ctx, audit.SinkName(c.Name), start)
	if err != nil {
		return err
	}
	return p.printSink(&s, c.JSON)
}

type sinkRemoveCommand struct{ sinkNamed }

// Run removes a sink.
func (c *sinkRemoveCommand) Run(p *process) error {
	api, err := c.open()
	if err != nil {
		return err
	}
	s, err := api.RemoveSink(p.ctx, audit.SinkName(c.Name))
	if err != nil {
		return err
	}
	if !p.tables(c.JSON) {
		return p.printValue(s)
	}
	_, err = fmt.Fprintf(p.stdout, "removed %s; it was at index %d\n", s.Name, s.NextIndex)
	return err
}

type sinkTestCommand struct{ sinkNamed }

// Help is shown by sink test --help.
func (sinkTestCommand) Help() string {
	return `The event is in no log: its id is log_sink-test, its extra data says synthetic. Ends
with 1 if the receiver did not take it.

Examples:

    scaivault-audit sink test splunk`
}

// Run tests a sink.
func (c *sinkTestCommand) Run(p *process) error {
	api, err := c.open()
	if err != nil {
		return err
	}
	t, err := api.TestSink(p.ctx, audit.SinkName(c.Name))
	if err != nil {
		return err
	}
	switch {
	case !p.tables(c.JSON):
		err = p.printValue(t)
	case t.OK:
		_, err = fmt.Fprintf(p.stdout, "%s took it after %d ms: %s\n", c.Name, t.TookMS, visible(t.Message))
	}
	if err == nil && !t.OK {
		err = fmt.Errorf("sink %s did not take the event: %s", c.Name, t.Message)
	}
	return err
}
