package client

import (
	"bytes"
	"encoding/json"

	"github.com/scaivault/audit"
)

// Entry is an event as a list shows it. Index and ReceivedAt are there if the
// query asked for them ([audit.Query.Proof]).
type Entry struct {
	audit.Event
	Index      *uint64     // its place in the tenant's log
	ReceivedAt *audit.Time // by the log's clock
}

// AppendJSON appends the entry as the server writes it: the canonical line,
// with index and received_at at its end if they are known.
func (e *Entry) AppendJSON(dst []byte) []byte {
	if e.Index == nil || e.ReceivedAt == nil {
		return e.AppendLine(dst)
	}
	r := audit.Record{Event: e.Event, Index: *e.Index, ReceivedAt: *e.ReceivedAt}
	return r.AppendProof(dst)
}

// MarshalJSON returns what [Entry.AppendJSON] appends.
func (e *Entry) MarshalJSON() ([]byte, error) { return e.AppendJSON(nil), nil }

// UnmarshalJSON reads an entry of an answer; unknown members are left out.
func (e *Entry) UnmarshalJSON(b []byte) error {
	var w struct {
		ID           audit.EventID      `json:"id"`
		Timestamp    audit.Time         `json:"timestamp"`
		Action       audit.Action       `json:"action"`
		IdentityType audit.IdentityType `json:"identity_type"`
		IdentityID   audit.IdentityID   `json:"identity_id"`
		SecretPath   audit.Path         `json:"secret_path"`
		SourceIP     string             `json:"source_ip"`
		UserAgent    string             `json:"user_agent"`
		Success      bool               `json:"success"`
		DurationMS   int32              `json:"duration_ms"`
		RequestID    string             `json:"request_id"`
		ExtraData    json.RawMessage    `json:"extra_data"`
		Index        *uint64            `json:"index"`
		ReceivedAt   *audit.Time        `json:"received_at"`
	}
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	extra, err := compact(w.ExtraData)
	if err != nil {
		return err
	}
	*e = Entry{Index: w.Index, ReceivedAt: w.ReceivedAt, Event: audit.Event{
		ID: w.ID, Timestamp: w.Timestamp, Action: w.Action,
		IdentityType: w.IdentityType, IdentityID: w.IdentityID, SecretPath: w.SecretPath,
		SourceIP: w.SourceIP, UserAgent: w.UserAgent, Success: w.Success,
		DurationMS: w.DurationMS, RequestID: w.RequestID, ExtraData: extra,
	}}
	return nil
}

// compact returns extra data without white space: a proxy that prints answers
// prettily must not break a canonical line into many.
func compact(raw json.RawMessage) (string, error) {
	var b bytes.Buffer
	if len(raw) == 0 {
		return "", nil
	}
	if err := json.Compact(&b, raw); err != nil {
		return "", err
	}
	if text := b.String(); text != "{}" && text != "null" {
		return text, nil
	}
	return "", nil
}
