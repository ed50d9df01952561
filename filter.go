package audit

import (
	"encoding/json"
	"slices"
	"strings"
)

// Filter selects events. Every member that is set must hold; a list holds if
// one of its values does. The zero Filter selects every event.
type Filter struct {
	From, To      *Time // From ≤ timestamp < To
	Actions       []Action
	IdentityID    IdentityID
	IdentityType  IdentityType
	SecretPath    Path // exactly this path
	PathPrefix    Path // this path and those below it
	Success       *bool
	SourceIPs     []string // canonical
	RequestID     string
	Extra         []ExtraFilter // sorted by key, each key once
	NotActions    []Action
	NotIdentityID IdentityID
	NotPathPrefix Path
	NotSourceIPs  []string

	// Within narrows the answer to events whose path lies within one of these
	// prefixes. It comes from the principal, never from the query's text, and
	// narrows exclusions, counts and suggestions alike.
	Within []Path
}

// ExtraFilter selects events whose extra data has Key at its top level with a
// string, a number or a boolean that reads Value: a string after decoding,
// numbers and booleans as they are written.
type ExtraFilter struct{ Key, Value string }

// Match reports whether the filter selects e. It is the definition of every
// filter; the store's indexes only find the same events faster.
func (f *Filter) Match(e *Event) bool {
	return (f.From == nil || e.Timestamp >= *f.From) &&
		(f.To == nil || e.Timestamp < *f.To) &&
		(len(f.Actions) == 0 || slices.Contains(f.Actions, e.Action)) &&
		!slices.Contains(f.NotActions, e.Action) &&
		(f.IdentityID == "" || e.IdentityID == f.IdentityID) &&
		(f.NotIdentityID == "" || e.IdentityID != f.NotIdentityID) &&
		(f.IdentityType == "" || e.IdentityType == f.IdentityType) &&
		f.MatchPath(e.SecretPath) &&
		(f.Success == nil || e.Success == *f.Success) &&
		(len(f.SourceIPs) == 0 || slices.Contains(f.SourceIPs, e.SourceIP)) &&
		(e.SourceIP == "" || !slices.Contains(f.NotSourceIPs, e.SourceIP)) &&
		(f.RequestID == "" || e.RequestID == f.RequestID) &&
		f.MatchExtra(e.ExtraData)
}

// MatchPath reports whether the filter's rules about paths hold for p. An
// event without a path matches no prefix, so exclusions let it pass and
// Within does not.
func (f *Filter) MatchPath(p Path) bool {
	if f.SecretPath != "" && p != f.SecretPath ||
		f.PathPrefix != "" && !p.Within(f.PathPrefix) ||
		f.NotPathPrefix != "" && p.Within(f.NotPathPrefix) {
		return false
	}
	return len(f.Within) == 0 || slices.ContainsFunc(f.Within, p.Within)
}

// MatchExtra reports whether the filter's rules about extra data hold for its
// canonical text.
func (f *Filter) MatchExtra(extra string) bool {
	if len(f.Extra) == 0 {
		return true
	}
	for _, x := range f.Extra {
		// A cheap test first: the value's text occurs nowhere in most events.
		// Values with escapes are spelled differently there.
		if !strings.ContainsAny(x.Value, "\"\\") && printable(x.Value) && !strings.Contains(extra, x.Value) {
			return false
		}
	}
	var members map[string]json.RawMessage
	if extra == "" || json.Unmarshal([]byte(extra), &members) != nil {
		return false
	}
	for _, x := range f.Extra {
		if text, ok := scalar(members[x.Key]); !ok || text != x.Value {
			return false
		}
	}
	return true
}

// scalar returns the text of a JSON string, number or boolean.
func scalar(raw json.RawMessage) (text string, ok bool) {
	if len(raw) == 0 {
		return "", false
	}
	switch raw[0] {
	case '"':
		err := json.Unmarshal(raw, &text)
		return text, err == nil
	case '{', '[', 'n':
		return "", false
	}
	return string(raw), true
}
