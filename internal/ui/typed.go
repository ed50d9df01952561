package ui

import (
	"strings"

	"github.com/scaivault/audit"
)

// typed turns what somebody wrote into the filter field into an address: a name
// and a value as action:read or extra.error=denied, else what the text looks
// like. ok is false if it looks like nothing.
func (s *state) typed(text string) (url string, ok bool) {
	text = strings.TrimSpace(text)
	if name, value, ok := named(text); ok {
		return s.only(name, value), true
	}
	switch word := strings.ToLower(text); {
	case text == "":
		return s.url(), true
	case word == "failed" || word == "denied":
		return s.url("success", "false"), true
	case word == "succeeded" || word == "ok":
		return s.url("success", "true"), true
	case audit.Action(word).Known():
		return s.only("action", word), true
	case audit.EventID(text).Valid():
		return s.url("event", text), true
	}
	if ip, err := audit.ParseIP(text); err == nil {
		return s.only("source_ip", ip), true
	}
	for _, prefix := range []string{"user:", "sa:", "group:", "system:"} {
		if strings.HasPrefix(text, prefix) {
			return s.only("identity_id", text), true
		}
	}
	if strings.HasPrefix(text, "req_") {
		return s.url("request_id", text), true
	}
	if p, err := audit.ParsePrefix(text); err == nil {
		return s.only("path_prefix", string(p)), true
	}
	return "", false
}

// words are the short names of filters that one may type.
var words = map[string]string{
	"identity": "identity_id", "secret": "secret_path", "path": "path_prefix", "ip": "source_ip",
	"address": "source_ip", "request": "request_id", "type": "identity_type",
}

// named reads NAME:VALUE and NAME=VALUE with the name of a filter.
func named(text string) (name, value string, ok bool) {
	i := strings.IndexAny(text, ":=")
	if i <= 0 || i == len(text)-1 {
		return "", "", false
	}
	name, value = strings.TrimSpace(text[:i]), strings.TrimSpace(text[i+1:])
	if long, ok := words[name]; ok {
		name = long
	}
	if strings.HasPrefix(name, "extra.") && len(name) > len("extra.") || name == "success" {
		return name, value, true
	}
	for _, w := range filterWords {
		if w.name == name {
			return name, value, true
		}
	}
	return "", "", false
}
