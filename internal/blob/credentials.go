package blob

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
)

// Credentials are the members of a credentials secret, by name:
//
//	s3          access_key_id, secret_access_key; optional session_token,
//	            region ("us-east-1"), endpoint, path_style ("true" if there is
//	            an endpoint)
//	gcs         the members of a service account's key (client_email,
//	            private_key, token_uri, …) or the key's text as
//	            service_account_json; optional endpoint
//	azure_blob  account_name with account_key or sas_token, or
//	            connection_string; optional endpoint
//
// Members that are not named here are left alone. However they are printed,
// logged or encoded as JSON, they come out as "[redacted]".
type Credentials map[string]string

const redacted = "[redacted]"

// String returns "[redacted]".
func (c Credentials) String() string { return redacted }

// GoString returns "[redacted]".
func (c Credentials) GoString() string { return redacted }

// Format writes "[redacted]", whatever the verb.
func (c Credentials) Format(f fmt.State, verb rune) { io.WriteString(f, redacted) }

// LogValue returns "[redacted]".
func (c Credentials) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON returns "[redacted]".
func (c Credentials) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText returns "[redacted]".
func (c Credentials) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// malformed returns the error for a member, without its value.
func malformed(member, fact string) error {
	return fmt.Errorf("open bucket: %w: %s %s", ErrCredentials, member, fact)
}

// need returns the value of a member that must be there.
func (c Credentials) need(member string) (string, error) {
	v := strings.TrimSpace(c[member])
	if v == "" {
		return "", malformed(member, "is missing")
	}
	if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", malformed(member, "has control characters")
	}
	return v, nil
}

// endpoint returns the member endpoint without a slash at its end, or "" if
// there is none.
func (c Credentials) endpoint(g *Guard) (string, error) {
	text := strings.TrimSpace(c["endpoint"])
	if text == "" {
		return "", nil
	}
	return checkEndpoint("endpoint", text, g)
}

// checkEndpoint returns a URL of the credentials if it is one that may be asked.
func checkEndpoint(member, text string, g *Guard) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Opaque != "" {
		return "", malformed(member, "is not an http(s) URL with a host")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", malformed(member, "has a user, a query or a fragment")
	}
	switch u.Scheme {
	case "https":
	case "http":
		if !g.AllowsPlain(u) {
			return "", fmt.Errorf("open bucket: %s: http is for endpoints that the operator names: %w",
				member, ErrAddress)
		}
	default:
		return "", malformed(member, "is not an http(s) URL with a host")
	}
	return strings.TrimSuffix(u.String(), "/"), nil
}
