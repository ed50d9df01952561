package ui

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/scaivault/audit"
)

// row is an event as a line of a table.
type row struct {
	When     when
	ID       string
	URL      string // opens it in the drawer
	Action   string
	Icon     string
	Who      *identity
	Path     *secretPath // nil if the event concerns none
	IP       string
	Agent    string
	Duration string
	Failed   bool
	Result   string
	Open     bool
}

func newRow(r *audit.Record, now audit.Time, url string) row {
	x := row{
		When: newWhen(r.Timestamp, now), ID: string(r.ID), URL: url,
		Action: string(r.Action), Icon: actionIcon(r.Action),
		Who: newIdentity(r.IdentityID, r.IdentityType), Path: newPath(r.SecretPath),
		IP: r.SourceIP, Agent: r.UserAgent, Duration: number(uint64(r.DurationMS)),
		Failed: !r.Success, Result: "OK",
	}
	if !r.Success {
		x.Result = failure(r.ExtraData)
	}
	return x
}

// failure says in a word how an event failed.
func failure(extra string) string {
	text := strings.ToLower(reason(extra))
	if strings.Contains(text, "denied") || strings.Contains(text, "forbidden") {
		return "Denied"
	}
	return "Failed"
}

// reason returns what the producer says about a failure, "" if it does not.
func reason(extra string) string {
	var members map[string]any
	if extra == "" || json.Unmarshal([]byte(extra), &members) != nil {
		return ""
	}
	for _, name := range []string{"error", "error_code", "reason", "outcome", "message"} {
		if text, ok := members[name].(string); ok && text != "" {
			return text
		}
	}
	return ""
}

// pasts are what one did, by action; of the others the action's name is said.
var pasts = map[audit.Action]string{
	audit.ActionRead: "read", audit.ActionWrite: "wrote", audit.ActionDelete: "deleted",
	audit.ActionList: "listed", audit.ActionRotate: "rotated",
}

// says tells what happened, between the identity and the path.
func says(e *audit.Event) string {
	past, ok := pasts[e.Action]
	on := ""
	if ok = ok && e.SecretPath != ""; e.SecretPath != "" {
		on = " on"
	}
	switch {
	case e.Success && ok:
		return past
	case e.Success:
		return "did " + string(e.Action) + on
	case ok && failure(e.ExtraData) == "Denied":
		return "was denied a " + string(e.Action) + " of"
	case ok:
		return "failed to " + string(e.Action)
	case failure(e.ExtraData) == "Denied":
		return "was denied " + string(e.Action) + on
	}
	return "failed at " + string(e.Action) + on
}

// span is a piece of JSON text with the class that colours it.
type span struct{ Class, Text string }

// pretty indents JSON and splits it into its tokens. Names and text stay as
// they are written.
func pretty(text string) []span {
	if text == "" {
		text = "{}"
	}
	var b bytes.Buffer
	if json.Indent(&b, []byte(text), "", "  ") != nil {
		return []span{{"", text}}
	}
	var spans []span
	for rest := b.String(); rest != ""; {
		n, class := token(rest)
		spans = append(spans, span{class, rest[:n]})
		rest = rest[n:]
	}
	return spans
}

// token returns the length of the first token of JSON text, with the white
// space around punctuation, and its class.
func token(s string) (n int, class string) {
	const marks = "{}[],: \n\t\r"
	if strings.IndexByte(marks, s[0]) >= 0 {
		for n < len(s) && strings.IndexByte(marks, s[n]) >= 0 {
			n++
		}
		return n, "p"
	}
	if s[0] != '"' {
		if n = strings.IndexAny(s, marks); n < 0 {
			n = len(s)
		}
		return n, "n"
	}
	for n = 1; n < len(s) && s[n] != '"'; n++ {
		if s[n] == '\\' {
			n++
		}
	}
	if n = min(n+1, len(s)); strings.HasPrefix(s[n:], ":") {
		return n, "k"
	}
	return n, "s"
}

// scalars returns the members of extra data by which one can filter, by name.
func scalars(extra string) []audit.ExtraFilter {
	var members map[string]json.RawMessage
	if extra == "" || json.Unmarshal([]byte(extra), &members) != nil {
		return nil
	}
	var list []audit.ExtraFilter
	for _, key := range slices.Sorted(maps.Keys(members)) {
		if value, ok := scalar(members[key]); ok && key != "" && len(key) <= maxShown {
			list = append(list, audit.ExtraFilter{Key: key, Value: value})
		}
	}
	return list
}

// maxShown is the length of names and values up to which they get a link.
const maxShown = 128

// scalar returns the text of a JSON string, number or boolean.
func scalar(raw json.RawMessage) (text string, ok bool) {
	if len(raw) > maxShown || raw[0] == '{' || raw[0] == '[' || raw[0] == 'n' {
		return "", false
	}
	if raw[0] != '"' {
		return string(raw), true
	}
	err := json.Unmarshal(raw, &text)
	return text, err == nil
}
