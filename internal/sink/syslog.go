package sink

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
)

// syslog delivers messages of RFC 5424 over TCP (RFC 6587, counting octets) or
// TLS (RFC 5425). The protocol has no acknowledgement. A batch counts once the
// receiver's machine has all of its bytes, where the system can tell, and the
// connection is still open.
type syslog struct {
	sink *sink
	url  *url.URL
	tls  *tls.Config // nil without TLS
	host string

	conn    net.Conn
	raw     net.Conn      // conn without TLS
	hungUp  chan struct{} // closed when the receiver has
	message []byte
	body    []byte
}

func (s *sink) openSyslog(secret credentials) (transport, error) {
	u, err := url.Parse(s.doc.Sink.URL)
	if err != nil {
		return nil, errors.New("url: is no URL")
	}
	t := &syslog{sink: s, url: u, host: cmp.Or(s.doc.Sink.Host, "-")}
	if u.Scheme != "tls" {
		return t, nil
	}
	if t.tls, err = secret.tls(); err != nil {
		return nil, err
	}
	t.tls.ServerName = u.Hostname()
	return t, nil
}

// dial connects to the receiver.
func (t *syslog) dial(ctx context.Context) error {
	conn, err := t.sink.m.Egress.DialContext(ctx, "tcp", t.url.Host)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	t.conn, t.raw = conn, conn
	if t.tls != nil {
		secure := tls.Client(conn, t.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			return errors.Join(fmt.Errorf("connect: %w", err), t.close())
		}
		t.conn = secure
	}
	t.hungUp = make(chan struct{})
	go func(conn net.Conn, hungUp chan struct{}) {
		defer close(hungUp)
		io.Copy(io.Discard, conn) // a receiver of syslog says nothing until it goes away
	}(t.conn, t.hungUp)
	return nil
}

func (t *syslog) close() error {
	if t.conn == nil {
		return nil
	}
	err := t.conn.Close()
	t.conn = nil
	return err
}

func (t *syslog) send(ctx context.Context, records []record) (string, error) {
	if t.conn == nil {
		if err := t.dial(ctx); err != nil {
			return "", err
		}
	}
	t.body = t.body[:0]
	for i := range records {
		t.body = t.appendFrame(t.body, &records[i])
	}
	conn := t.conn
	stop := context.AfterFunc(ctx, func() { conn.Close() }) // ends the write below
	defer stop()
	if t.isGone() {
		return "", errors.New("the receiver has closed the connection")
	}
	if _, err := conn.Write(t.body); err != nil {
		return "", fmt.Errorf("write: %w", err)
	}
	if err := arrived(ctx, t.raw); err != nil {
		return "", err
	}
	if t.isGone() {
		return "", errors.New("the receiver has closed the connection")
	}
	return fmt.Sprintf("%d bytes have arrived; syslog has no acknowledgement", len(t.body)), nil
}

func (t *syslog) isGone() bool {
	select {
	case <-t.hungUp:
		return true
	default:
		return false
	}
}

// Priorities (RFC 5424, section 6.2.1): the facility log audit, 13, with the
// severity informational, 6, or warning, 4.
const (
	priorityDone   = 13*8 + 6
	priorityFailed = 13*8 + 4
)

// appendFrame appends a message with its length before it.
func (t *syslog) appendFrame(dst []byte, r *record) []byte {
	t.message = t.appendMessage(t.message[:0], r)
	dst = strconv.AppendInt(dst, int64(len(t.message)), 10)
	return append(append(dst, ' '), t.message...)
}

// appendMessage appends a message: its header, no structured data, and the
// event in the sink's format.
func (t *syslog) appendMessage(dst []byte, r *record) []byte {
	priority := int64(priorityDone)
	if !r.Success {
		priority = priorityFailed
	}
	dst = append(strconv.AppendInt(append(dst, '<'), priority, 10), ">1 "...)
	dst = append(r.Timestamp.Append(dst), ' ')
	dst = append(append(dst, t.host...), " scaivault-audit - "...)
	dst = append(append(dst, r.Action...), " - "...)
	return append(dst, r.text...)
}
