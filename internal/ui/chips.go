package ui

import (
	"maps"
	"slices"
	"strings"
)

// chip is one filter of the bar.
type chip struct {
	Key, Op, Value string
	Code           bool   // whether the value is something to copy
	Turn           string // where another operator leads; "" if there is only one
	Remove         string
}

// filterWords are the names of filters in the order of the bar: what the chip
// says, and the parameter to which a click on its operator leads.
var filterWords = []struct {
	name, key, op, turn string
	code                bool
}{
	{"identity_id", "identity", "is", "not_identity_id", true},
	{"not_identity_id", "identity", "is not", "identity_id", true},
	{"identity_type", "type", "is", "", false},
	{"secret_path", "secret", "is", "path_prefix", true},
	{"path_prefix", "path", "under", "not_path_prefix", true},
	{"not_path_prefix", "path", "not under", "path_prefix", true},
	{"action", "action", "is", "not_action", false},
	{"not_action", "action", "is not", "action", false},
	{"source_ip", "address", "is", "not_source_ip", true},
	{"not_source_ip", "address", "is not", "source_ip", true},
	{"request_id", "request", "is", "", true},
	{"order", "order", "is", "", false},
}

// chips returns the filters of a state.
func (s *state) chips() []chip {
	var chips []chip
	seen := []string{"from", "to", "range"}
	for _, w := range filterWords {
		seen = append(seen, w.name)
		value, ok := s.params[w.name]
		if !ok {
			continue
		}
		c := chip{Key: w.key, Op: w.op, Value: value, Code: w.code, Remove: s.url(w.name, "")}
		if w.turn != "" {
			c.Turn = s.url(w.name, "", w.turn, value)
		}
		chips = append(chips, c)
	}
	if v, ok := s.params["success"]; ok {
		c := chip{Key: "result", Op: "is", Value: "failed", Turn: s.url("success", "true"),
			Remove: s.url("success", "")}
		if v == "true" {
			c.Value, c.Turn = "succeeded", s.url("success", "false")
		}
		chips = append(chips, c)
	}
	seen = append(seen, "success")
	for _, name := range slices.Sorted(maps.Keys(s.params)) {
		if !slices.Contains(seen, name) {
			key := strings.TrimPrefix(name, "extra.")
			chips = append(chips, chip{Key: key, Op: "is", Value: s.params[name], Code: true,
				Remove: s.url(name, "")})
		}
	}
	return chips
}

// cleared returns the address of the same range without any filter.
func (s *state) cleared() string {
	bare := state{params: map[string]string{}}
	for _, name := range []string{"from", "to", "range"} {
		if v, ok := s.params[name]; ok {
			bare.params[name] = v
		}
	}
	return bare.url()
}

// filtered reports whether anything but the range narrows the answer.
func (s *state) filtered() bool { return len(s.chips()) > 0 }

// hidden returns the parameters as a form repeats them, but for the named ones.
func (s *state) hidden(but ...string) map[string]string {
	m := maps.Clone(s.params)
	maps.DeleteFunc(m, func(name, _ string) bool { return slices.Contains(but, name) })
	return m
}
