package export

import (
	"fmt"
	"log/slog"
)

// Credentials are the members of the secret of a destination. They are for the
// client of the bucket alone: printed, logged or encoded they say nothing.
type Credentials map[string]string

const redacted = "[redacted]"

// Format implements [fmt.Formatter].
func (Credentials) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue implements [slog.LogValuer].
func (Credentials) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON returns a string in place of the members.
func (Credentials) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }
