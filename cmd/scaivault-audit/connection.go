package main

import (
	"crypto/x509"
	"fmt"
	"os"

	"github.com/scaivault/audit/client"
)

const defaultURL = "http://127.0.0.1:8480"

// connection says which server a command asks, and as whom.
type connection struct {
	URL    string `env:"SCAIVAULT_URL" placeholder:"URL" group:"connection" help:"Server (default ${url})."`
	Token  string `env:"SCAIVAULT_TOKEN" placeholder:"TOKEN" group:"connection" help:"Who asks; others can see flags."`
	Tenant string `env:"SCAIVAULT_TENANT_ID" placeholder:"ID" group:"connection" help:"Tenant, if not the token's own."`
	CACert string `env:"SCAIVAULT_CA_CERT" placeholder:"FILE" group:"connection" help:"Authorities of the server's certificate in PEM, if not the system's."`
}

func (c *connection) open() (*client.Client, error) {
	url := c.URL
	if url == "" {
		url = defaultURL
	}
	roots, err := rootsOf("--ca-cert", c.CACert)
	if err != nil {
		return nil, err
	}
	return client.New(client.Config{
		URL: url, Token: c.Token, Tenant: c.Tenant, Roots: roots,
		UserAgent: "scaivault-audit/" + version(),
	})
}

// rootsOf returns the authorities in the file that a flag names; nil, which are the
// system's, for "".
func rootsOf(flag, file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, usageError{fmt.Errorf("%s: %w", flag, err)}
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, usageError{fmt.Errorf("%s: %s holds no certificate in PEM", flag, file)}
	}
	return roots, nil
}
