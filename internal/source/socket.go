package source

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/scaivault/audit"
)

const (
	// MaxSocketConns is how many connections of one socket are served at the
	// same time; a server opens one per device, more are closed at once.
	MaxSocketConns = 64
	// socketBad is after how many lines that are none a connection is closed:
	// whoever is at its other end is no audit device.
	socketBad = 100
	// socketBatch is how many lines become durable with one sync, at most.
	socketBatch = 500
	// socketRetry is how long lines wait that the disk did not take.
	socketRetry = 250 * time.Millisecond
)

// Socket is where the socket devices of one tenant's servers connect.
type Socket struct {
	Name     string // for messages and gaps, as its URL
	Tenant   audit.TenantID
	Listener net.Listener
}

// Serve takes the lines of a socket device until ctx ends; it closes the
// listener.
//
// Nobody answers a socket device: what it has written, it takes for recorded. So
// a line that is none becomes an [audit.ActionAuditGap] in the log, and so does
// half a line at the end of a connection. While the disk takes nothing, nothing
// is read: the device notices when its writes time out, and lets the requests
// fail if it is the only one.
func (i *Intake) Serve(ctx context.Context, s Socket) error {
	var conns sync.WaitGroup
	defer conns.Wait()
	stop := context.AfterFunc(ctx, func() { s.Listener.Close() })
	defer stop()
	room := make(chan struct{}, MaxSocketConns)
	for {
		conn, err := s.Listener.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return fmt.Errorf("accept at %s: %w", s.Name, err)
		}
		select {
		case room <- struct{}{}:
		default:
			i.options.Logger.Warn("a connection is one too many", "socket", s.Name, "connections", MaxSocketConns)
			conn.Close()
			continue
		}
		conns.Go(func() {
			defer func() { <-room }()
			defer conn.Close()
			i.converse(ctx, s, conn)
		})
	}
}

// converse takes the lines of one connection.
func (i *Intake) converse(ctx context.Context, s Socket, conn net.Conn) {
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Now()) })
	defer stop()
	c := conversation{intake: i, socket: s, desk: i.desk(s.Tenant),
		lines: lineReader{in: bufio.NewReaderSize(conn, shortLine), trusted: i.options.Trusted,
			originals: i.options.Originals, tenant: s.Tenant,
			long: make(chan struct{}, 1)}} // its own: it may stop within a long line
	err := c.run(ctx)
	if ctx.Err() == nil && !errors.Is(err, io.EOF) {
		i.options.Logger.Warn("a connection ended early", "socket", s.Name, "error", err)
	}
}

// conversation is a connection with what was read of it and is not yet durable.
type conversation struct {
	intake  *Intake
	socket  Socket
	desk    *desk
	lines   lineReader
	entries []*entry
	gaps    []audit.Event
	bad     int
}

// run reads lines and makes them durable, as many at once as are there. Its error
// is io.EOF if the connection ended in order.
func (c *conversation) run(ctx context.Context) error {
	for {
		e, err := c.lines.next(ctx)
		var ofLine *audit.Error
		switch {
		case errors.As(err, &ofLine) && ofLine.Code != audit.CodeUnavailable:
			c.refuse(ofLine.Message)
			err = nil
		case err != nil && c.lines.size > 0:
			c.refuse("the connection ended within the line")
		case err == nil && e != nil:
			c.entries = append(c.entries, e)
		}
		full := len(c.entries) >= socketBatch
		if err != nil || full || c.lines.in.Buffered() == 0 || len(c.gaps) > 0 {
			if lost := c.store(ctx); lost != nil {
				return lost
			}
		}
		if err == nil && c.bad >= socketBad {
			err = fmt.Errorf("%d lines were no audit lines", c.bad)
		}
		if err != nil {
			return err
		}
	}
}

// refuse keeps that there was a line that is none.
func (c *conversation) refuse(message string) {
	c.bad++
	reason := "unreadable_line"
	if !c.lines.whole {
		reason = "half_line"
	}
	now := c.intake.options.Clock()
	c.gaps = append(c.gaps, GapEvent(now, reason,
		Fact{"source", c.socket.Name}, Fact{"received_at", now.UTC().Format(time.RFC3339Nano)}, Fact{"size", c.lines.size},
		Fact{"sha256", hex.EncodeToString(c.lines.sum[:])}, Fact{"message", message}))
	c.intake.options.Logger.Warn("a line is no audit line", "socket", c.socket.Name, "error", message,
		"bytes", c.lines.size)
}

// store makes durable what was read. It does not give up before ctx ends: the
// device will not send it again.
func (c *conversation) store(ctx context.Context) error {
	for wait := socketRetry; ; wait = min(2*wait, 5*time.Second) {
		err := c.try(ctx)
		if err == nil {
			c.entries, c.gaps = c.entries[:0], nil
			return nil
		}
		if ctx.Err() == nil {
			c.intake.options.Logger.Error("vault lines wait for the disk", "socket", c.socket.Name, "error", err)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			// The process ends and the disk takes nothing: the lines are lost.
			return fmt.Errorf("%d lines were not stored: %w", len(c.entries)+len(c.gaps), err)
		}
	}
}

// try is one attempt. Lines that an earlier one took are known by their ids. It
// is not cut short when the process ends: there are seconds left for it.
func (c *conversation) try(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	t := taking{intake: c.intake, desk: c.desk, ctx: ctx}
	for _, e := range c.entries {
		t.add(e)
	}
	if len(c.entries) > 0 {
		if err := t.end(0); err != nil {
			return err
		}
	}
	if len(c.gaps) == 0 {
		return nil
	}
	_, err := c.intake.log.Append(ctx, c.socket.Tenant, audit.Batch{Events: c.gaps})
	return err
}
