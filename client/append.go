package client

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"

	"github.com/scaivault/audit"
)

// AppendOptions change how a batch is appended.
type AppendOptions struct {
	// Partial stores the good events of a batch that has bad ones, which are
	// listed in the receipt; otherwise one bad event refuses the batch.
	Partial bool
	// Key makes the batch repeatable for a day: the same key with the same
	// events is answered with the first receipt. If it is "", a random one
	// makes at least the repetitions within one call safe.
	Key string
}

// maxPlain is the largest body that the server takes without compression.
const maxPlain = 4 << 20

// Append appends events to the tenant's log, at most [audit.MaxBatch]. When it
// returns a receipt, every accepted event is on stable storage. An event
// without ID gets one from the log; [audit.NoTime] becomes the time of receipt.
func (c *Client) Append(ctx context.Context, events []audit.Event, o AppendOptions) (audit.Receipt, error) {
	body := []byte{'['}
	for i := range events {
		if i > 0 {
			body = append(body, ',')
		}
		body = AppendEvent(body, &events[i])
	}
	return c.append(ctx, "application/json", append(body, ']'), o)
}

// AppendLines appends events that are JSON text already, one per line. Lines
// are counted from 1 in a receipt's rejections.
func (c *Client) AppendLines(ctx context.Context, lines []byte, o AppendOptions) (audit.Receipt, error) {
	return c.append(ctx, "application/x-ndjson", lines, o)
}

func (c *Client) append(
	ctx context.Context, contentType string, body []byte, o AppendOptions,
) (audit.Receipt, error) {
	if o.Key == "" {
		o.Key = rand.Text()
	}
	r := request{method: http.MethodPost, route: routeLogs, body: body,
		header: map[string]string{"Content-Type": contentType, "Idempotency-Key": o.Key}}
	if o.Partial {
		r.query = "atomic=false"
	}
	if len(body) > maxPlain {
		var err error
		if r.body, err = compress(body); err != nil {
			return audit.Receipt{}, fmt.Errorf("compress batch: %w", err)
		}
		r.header["Content-Encoding"] = "gzip"
	}
	answer, header, err := c.send(ctx, r)
	if err != nil {
		return audit.Receipt{}, err
	}
	var receipt audit.Receipt
	err = decode(routeLogs, answer, &receipt)
	receipt.Replayed = header.Get("Idempotency-Replayed") == "true"
	return receipt, err
}

// AppendEvent appends e to dst as [Client.AppendLines] takes it, without a line
// end: the canonical line less the members that the log is to fill in.
func AppendEvent(dst []byte, e *audit.Event) []byte {
	if e.ID != "" && e.Timestamp != audit.NoTime {
		return e.AppendLine(dst)
	}
	dst = append(dst, '{')
	if e.ID != "" {
		dst = append(dst, `"id":`...)
		dst = append(audit.AppendString(dst, string(e.ID)), ',')
	}
	if e.Timestamp != audit.NoTime {
		dst = append(dst, `"timestamp":"`...)
		dst = append(e.Timestamp.Append(dst), '"', ',')
	}
	at := len(dst)
	dst = e.AppendLine(dst)
	// Ids and times hold no quotes: the first match is the member itself.
	return append(dst[:at], dst[at+bytes.Index(dst[at:], []byte(`"action":`)):]...)
}

func compress(body []byte) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(body); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
