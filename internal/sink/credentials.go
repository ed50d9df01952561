package sink

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// credentials are the members of a sink's secret, by name. Those that are known
// to all types of sinks that connect:
//
//	ca                        certificates in PEM that the receiver's is checked
//	                          against, in place of the system's
//	client_cert, client_key   certificate and key in PEM to show
//
// However they are printed, logged or encoded as JSON, they come out as
// "[redacted]".
type credentials map[string]string

const redacted = "[redacted]"

// String returns "[redacted]".
func (c credentials) String() string { return redacted }

// GoString returns "[redacted]".
func (c credentials) GoString() string { return redacted }

// Format writes "[redacted]", whatever the verb.
func (c credentials) Format(f fmt.State, verb rune) { io.WriteString(f, redacted) }

// LogValue returns "[redacted]".
func (c credentials) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON returns "[redacted]".
func (c credentials) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText returns "[redacted]".
func (c credentials) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// need returns a member that must be there.
func (c credentials) need(member string) (string, error) {
	if v := c[member]; v != "" {
		return v, nil
	}
	return "", fmt.Errorf("credentials: the secret has no member %s", member)
}

// tls returns how connections are encrypted.
func (c credentials) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if pem := c["ca"]; pem != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(pem)) {
			return nil, errors.New("credentials: the member ca holds no certificate in PEM")
		}
	}
	if c["client_cert"] != "" || c["client_key"] != "" {
		pair, err := tls.X509KeyPair([]byte(c["client_cert"]), []byte(c["client_key"]))
		if err != nil {
			return nil, errors.New("credentials: the members client_cert and client_key are no pair in PEM")
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
