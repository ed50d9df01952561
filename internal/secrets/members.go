package secrets

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/scaivault/audit"
)

// maxShown is how many bytes of a member's name an error shows.
const maxShown = 64

// parseMembers reads the members of a secret: a JSON object (RFC 8259) of
// unique names with strings, and with numbers and booleans, which become their
// text. The error is a [audit.CodeValidationError] that names every offender.
func parseMembers(path audit.Path, text []byte) (map[string]string, error) {
	if len(text) > MaxSize {
		return nil, malformed(path, fmt.Sprintf("want at most %d bytes", MaxSize), nil)
	}
	var raw map[string]jsontext.Value
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, malformed(path, syntaxRule(err), nil)
	}
	if len(raw) == 0 {
		return nil, malformed(path, "want a JSON object with members", nil)
	}
	members := make(map[string]string, len(raw))
	var fields []audit.FieldError
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		value, rule := memberValue(raw[name])
		if rule != "" {
			fields = append(fields, audit.FieldError{Field: shown(name), Message: rule})
		}
		members[name] = value
	}
	if len(fields) > 0 {
		return nil, malformed(path, "", fields)
	}
	return members, nil
}

// memberValue returns the text of a member's value, or the rule that it breaks.
func memberValue(v jsontext.Value) (text, rule string) {
	switch v.Kind() {
	case jsontext.KindString:
		if b, err := jsontext.AppendUnquote(nil, v); err == nil {
			return string(b), ""
		}
	case jsontext.KindNumber, jsontext.KindTrue, jsontext.KindFalse:
		return string(v), ""
	}
	return "", "want a string, a number or a boolean"
}

// malformed returns the error for the content of a secret that breaks a rule as
// a whole, or in the fields.
func malformed(path audit.Path, rule string, fields []audit.FieldError) error {
	var rules []string
	if rule != "" {
		rules = append(rules, rule)
	}
	for _, f := range fields {
		rules = append(rules, fmt.Sprintf("member %q: %s", f.Field, f.Message))
	}
	e := audit.Errorf(audit.CodeValidationError, "secret %q: %s", path, strings.Join(rules, "; "))
	e.Fields = fields
	return e
}

// syntaxRule says what is wrong with JSON text. The decoder's own words would
// quote the text.
func syntaxRule(err error) string {
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return "want no member twice"
	case errors.As(err, &syntax):
		return fmt.Sprintf("want JSON; it breaks at byte %d", syntax.ByteOffset)
	}
	return "want a JSON object"
}

// shown cuts a name for an error: whoever mixes up names and values must not
// find a whole key in a log.
func shown(name string) string {
	if len(name) <= maxShown {
		return name
	}
	return strings.ToValidUTF8(name[:maxShown], "") + "…"
}
