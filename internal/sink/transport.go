package sink

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/scaivault/audit"
)

// sendTimeout is how long one delivery may take, with all that it waits for.
const sendTimeout = time.Minute

// transport delivers records to a receiver. One goroutine uses it at a time.
type transport interface {
	// send delivers records in order and returns when the receiver has
	// acknowledged all of them, with what it said. A [refusal] says that it does
	// not want one of them; after any other error the transport is closed.
	send(ctx context.Context, records []record) (answer string, err error)
	close() error
}

// refusal is the error of a receiver that will not take a batch, however often
// it is asked.
type refusal struct{ answer string }

func (r *refusal) Error() string { return "the receiver refused it: " + r.answer }

// failure returns the same as an error that may pass.
func (r *refusal) failure() error { return errors.New(r.answer) }

// busy is an error of a receiver that asked for time.
type busy struct {
	err   error
	after time.Duration
}

func (b *busy) Error() string { return b.err.Error() }
func (b *busy) Unwrap() error { return b.err }

// asked returns the time that a receiver asked for.
func asked(err error) time.Duration {
	var b *busy
	if errors.As(err, &b) {
		return b.after
	}
	return 0
}

// send delivers records over the sink's connection, which it makes if there is
// none, and gives up after a failure.
func (s *sink) send(ctx context.Context, records []record) (answer string, err error) {
	select {
	case s.sending <- struct{}{}:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { <-s.sending }()
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	if s.conn == nil {
		if s.conn, err = s.open(ctx); err != nil {
			return "", err
		}
	}
	answer, err = s.conn.send(ctx, records)
	var no *refusal
	if err != nil && !errors.As(err, &no) {
		s.conn.close() // the error is what counts
		s.conn = nil
	}
	return answer, err
}

// hangUp gives the connection up when the sink stops.
func (s *sink) hangUp(ctx context.Context) {
	s.sending <- struct{}{}
	defer func() { <-s.sending }()
	if s.conn == nil {
		return
	}
	if err := s.conn.close(); err != nil && ctx.Err() == nil {
		s.m.Logger.Warn("a sink's connection was not closed", "sink", s.doc.Sink.Name, "error", err)
	}
	s.conn = nil
}

// open reads the credentials and returns a transport for the sink.
func (s *sink) open(ctx context.Context) (transport, error) {
	secret, err := s.secret(ctx)
	if err != nil {
		return nil, err
	}
	return s.transport(secret)
}

// transport returns what delivers the sink's events. Nobody is connected to before the
// first of them.
func (s *sink) transport(secret credentials) (transport, error) {
	switch s.doc.Sink.Type {
	case audit.SinkFile:
		return s.openFile()
	case audit.SinkSyslog:
		return s.openSyslog(secret)
	case audit.SinkHEC:
		return s.openHEC(secret)
	case audit.SinkOTLP:
		return s.openOTLP(secret)
	}
	return s.openHTTPS(secret)
}

// tryTimeout is how long it may take to read the credentials of a sink that is made.
const tryTimeout = 20 * time.Second

// tryCredentials finds out whether the sink's secret can be read and has what the type
// needs, without connecting to anybody: a slip is told to who makes it, not found in
// a list of failures later.
func (s *sink) tryCredentials(ctx context.Context) error {
	if s.doc.Sink.Type == audit.SinkFile {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	refuse := func(code audit.Code, message string, err error) error {
		return &audit.Error{Code: code, Message: "secret_path: " + message, Err: err,
			Fields: []audit.FieldError{{Field: "secret_path", Message: message}}}
	}
	secret, err := s.secret(ctx)
	switch code := audit.ErrorCode(err); {
	case errors.Is(err, errNotByItself):
		return refuse(audit.CodeAccessDenied, errNotByItself.Error(), err)
	case err != nil && (code == audit.CodeAccessDenied || code == audit.CodeNotFound):
		return refuse(audit.CodeAccessDenied, "there is no such secret, or the service may not read it (scaivault-audit secret put)", err)
	case err != nil:
		return &audit.Error{Code: audit.CodeUnavailable, Message: "the credentials cannot be read now", Err: err}
	}
	conn, err := s.transport(secret)
	if err != nil {
		return refuse(audit.CodeDestinationUnavailable, err.Error(), err)
	}
	return conn.close()
}

// allowed checks what of a sink is the operator's to allow.
func (m *Manager) allowed(s *audit.Sink) error {
	refuse := func(field, message string) error {
		return audit.Invalid([]audit.FieldError{{Field: field, Message: message}})
	}
	if s.Type == audit.SinkFile {
		if m.Files == "" {
			return refuse("type", "the operator allows no file sinks (serve --sink-dir)")
		}
		return nil
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return refuse("url", "is no URL")
	}
	if (u.Scheme == "http" || u.Scheme == "tcp") && !m.Egress.AllowsPlain(u) {
		return refuse("url", u.Scheme+" is for receivers that the operator names (serve --allow-endpoint HOST:PORT)")
	}
	return nil
}

// maxAnswer is how much of a receiver's answer is told, in bytes.
const maxAnswer = 300

// printable returns the beginning of a receiver's answer as one line.
func printable(body []byte) string {
	text := strings.ToValidUTF8(string(body[:min(len(body), maxAnswer)]), "")
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	return strings.TrimSpace(text)
}

// errNotByItself says that secrets are read as whoever asks, and a sink is nobody.
var errNotByItself = errors.New("credentials: the service may not read them by itself; keep them where it may")

// secret reads the credentials, nil if the sink has none.
func (s *sink) secret(ctx context.Context) (credentials, error) {
	var members map[string]string
	var err error
	switch d := &s.doc.Sink; {
	case d.SecretFile != "":
		err = s.m.readJSON(d.SecretFile, &members)
	case d.SecretPath != "":
		members, err = s.m.Secrets.Get(ctx, s.doc.Tenant, d.SecretPath, "")
	}
	if audit.ErrorCode(err) == audit.CodeAuthenticationRequired {
		return nil, errNotByItself
	}
	if err != nil {
		return nil, fmt.Errorf("credentials: %w", err)
	}
	return members, nil
}
