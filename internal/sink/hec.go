package sink

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/scaivault/audit"
)

// hec delivers to Splunk's HTTP Event Collector. The secret's member token is
// the collector's. With acknowledgement a batch counts once the indexers have
// it; without, once the collector has.
type hec struct {
	*poster
	sink   *sink
	ackURL *url.URL // nil without acknowledgement
	prefix []byte   // of each event, behind its time
	body   []byte
}

// ackInterval is how often the collector is asked whether a batch is indexed.
const ackInterval = time.Second

func (s *sink) openHEC(secret credentials) (transport, error) {
	token, err := secret.need("token")
	if err != nil {
		return nil, err
	}
	p, err := s.newPoster(secret, "/services/collector/event")
	if err != nil {
		return nil, err
	}
	p.header.Set("Authorization", "Splunk "+token)
	t := &hec{poster: p, sink: s, prefix: hecPrefix(&s.doc.Sink)}
	if s.doc.Sink.Ack {
		channel := uuid.NewString()
		p.header.Set("X-Splunk-Request-Channel", channel)
		ack := *p.url
		ack.Path = path.Join(path.Dir(ack.Path), "ack")
		ack.RawQuery = "channel=" + channel
		t.ackURL = &ack
	}
	return t, nil
}

// hecPrefix returns the members that are the same for all events.
func hecPrefix(s *audit.Sink) []byte {
	var b []byte
	b = member(b, `,"source":`, cmp.Or(s.Source, "scaivault-audit"))
	b = member(b, `,"sourcetype":`, cmp.Or(s.SourceType, "scaivault:audit:"+string(s.Format)))
	if s.Host != "" {
		b = member(b, `,"host":`, s.Host)
	}
	if s.Index != "" {
		b = member(b, `,"index":`, s.Index)
	}
	return append(b, `,"event":`...)
}

// appendEvent appends an event as the collector wants it, with the time at which
// it happened.
func (t *hec) appendEvent(dst []byte, r *record) []byte {
	dst = number(dst, `{"time":`, int64(r.Timestamp/audit.Second))
	fraction := strconv.Itoa(int(r.Timestamp%audit.Second) + int(audit.Second))
	dst = append(append(dst, '.'), fraction[1:]...)
	dst = append(dst, t.prefix...)
	if t.sink.form.isJSON() {
		dst = append(dst, r.text...)
	} else {
		dst = audit.AppendString(dst, string(r.text))
	}
	return append(dst, '}', '\n')
}

// hecReply is the body of the collector's answers.
type hecReply struct {
	Code  int             `json:"code"`
	AckID *int64          `json:"ackId"`
	Acks  map[string]bool `json:"acks"`
}

// hecSetup are the codes of answers 400 that are about the set-up, not about
// the events: an unknown index, a missing or invalid channel, acknowledgement
// that is switched off.
var hecSetup = []int{7, 10, 11, 14}

func (t *hec) send(ctx context.Context, records []record) (string, error) {
	t.body = t.body[:0]
	for i := range records {
		t.body = t.appendEvent(t.body, &records[i])
	}
	r, err := t.post(ctx, t.url, "application/json", t.body)
	if err != nil {
		return "", err
	}
	var said hecReply
	unreadable := json.Unmarshal(r.body, &said)
	err = r.err()
	var no *refusal
	switch {
	case errors.As(err, &no) && slices.Contains(hecSetup, said.Code):
		return "", r.failure()
	case err != nil || t.ackURL == nil:
		return r.String(), err
	case unreadable != nil || said.AckID == nil:
		return "", errors.New("the receiver gave no ackId: indexer acknowledgement is off for its token")
	}
	if err := t.indexed(ctx, *said.AckID); err != nil {
		return "", err
	}
	return r.String() + ", indexed", nil
}

// indexed returns when the indexers have acknowledged a batch.
func (t *hec) indexed(ctx context.Context, id int64) error {
	ask := fmt.Appendf(nil, `{"acks":[%d]}`, id)
	for {
		r, err := t.post(ctx, t.ackURL, "application/json", ask)
		if err != nil {
			return fmt.Errorf("wait for the indexers: %w", err)
		}
		var said hecReply
		if r.err() != nil || json.Unmarshal(r.body, &said) != nil {
			return r.failure()
		}
		if said.Acks[strconv.FormatInt(id, 10)] {
			return nil
		}
		if err := sleep(ctx, ackInterval); err != nil {
			return errors.New("the indexers have not acknowledged the batch in time")
		}
	}
}
