package auth

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/vfs"
)

// tokenState is the content of the file that the server keeps for a token.
type tokenState struct {
	Format     int            `json:"format"`
	LastUsedAt *audit.Time    `json:"last_used_at,omitempty"` // cut to the minute
	Recorded   []audit.Action `json:"recorded,omitempty"`     // the events that the log has
}

// use notes that the token was used. The time is cut, so that a busy token is
// one write a minute.
func (t *token) use(now audit.Time) {
	minute := now - now%audit.Minute
	if last := t.state.LastUsedAt; last == nil || *last < minute {
		t.state.LastUsedAt = &minute
		t.used = true
	}
}

// Pending returns, by tenant, the events of tokens that were made or revoked
// and are not yet recorded, the oldest first. Appending one twice stores it
// once: a token's events have fixed ids and times. The error names what could
// not be read.
func (s *Tokens) Pending() (map[audit.TenantID][]audit.Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.reload(); err != nil {
		return nil, err
	}
	pending := make(map[audit.TenantID][]audit.Event)
	add := func(t *token, action audit.Action, at audit.Time, by audit.IdentityID) {
		if !slices.Contains(t.state.Recorded, action) {
			pending[t.info.Tenant] = append(pending[t.info.Tenant], t.event(action, at, by))
		}
	}
	for _, t := range s.sorted() {
		add(t, audit.ActionTokenCreate, t.info.CreatedAt, t.info.CreatedBy)
		if t.info.RevokedAt != nil {
			add(t, audit.ActionTokenRevoke, *t.info.RevokedAt, t.info.RevokedBy)
		}
	}
	return pending, nil
}

// MarkRecorded remembers, durably, that events of [Tokens.Pending] are in the
// log. To be called once they are durable there: a crash between the two gives
// them again.
func (s *Tokens) MarkRecorded(events []audit.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range events {
		t := s.byID[tokenIDPrefix+strings.TrimPrefix(string(e.ID), eventIDPrefix(e.Action))]
		if t == nil {
			return fmt.Errorf("mark event %s recorded: it is of no token", e.ID)
		}
		if slices.Contains(t.state.Recorded, e.Action) {
			continue
		}
		t.state.Recorded = append(t.state.Recorded, e.Action)
		if err := s.writeState(t); err != nil {
			t.state.Recorded = t.state.Recorded[:len(t.state.Recorded)-1]
			return err
		}
	}
	return nil
}

// Flush writes when tokens were last used. The server calls it now and then,
// and before it ends.
func (s *Tokens) Flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, t := range s.sorted() {
		if t.used {
			errs = append(errs, s.writeState(t))
		}
	}
	return errors.Join(errs...)
}

func (s *Tokens) writeState(t *token) error {
	t.state.Format = fileFormat
	data, err := encode(t.state)
	if err == nil {
		err = vfs.WriteFile(s.fs, s.path(t.info.ID, stateSuffix), data)
	}
	if err != nil {
		return fmt.Errorf("write state of token %s: %w", t.info.ID, err)
	}
	t.used, t.damage = false, nil
	return nil
}

func (s *Tokens) readState(id string) (tokenState, error) {
	var state tokenState
	data, err := vfs.ReadFile(s.fs, s.path(id, stateSuffix))
	if errors.Is(err, fs.ErrNotExist) {
		return state, nil
	}
	if err == nil {
		err = decodeStrict(data, &state)
	}
	if err != nil {
		return tokenState{}, fmt.Errorf("load state of token %s: %w", id, err)
	}
	return state, nil
}

// eventIDPrefix begins the id of a token's event; the rest of the token's id
// follows.
func eventIDPrefix(action audit.Action) string { return "log_" + string(action) + "_" }

// event returns the event that records what was done to the token.
func (t *token) event(action audit.Action, at audit.Time, by audit.IdentityID) audit.Event {
	return audit.Event{
		ID:           audit.EventID(eventIDPrefix(action) + strings.TrimPrefix(t.info.ID, tokenIDPrefix)),
		Timestamp:    at,
		Action:       action,
		IdentityType: identityType(by),
		IdentityID:   by,
		Success:      true,
		ExtraData:    t.extraData(),
	}
}

// extraData describes the token as canonical JSON, the same text each time.
func (t *token) extraData() string {
	b := []byte(`{"token_id":`)
	b = audit.AppendString(b, t.info.ID)
	b = append(b, `,"identity":`...)
	b = audit.AppendString(b, string(t.info.Identity))
	b = append(b, `,"scopes":[`...)
	for i, s := range t.info.Scopes {
		if i > 0 {
			b = append(b, ',')
		}
		b = audit.AppendString(b, string(s))
	}
	b = append(b, `],"expires_at":`...)
	b = audit.AppendString(b, t.info.ExpiresAt.String())
	return string(append(b, '}'))
}
