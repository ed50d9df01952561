package main

import (
	"github.com/scaivault/audit/client"
)

const defaultURL = "http://127.0.0.1:8480"

// connection says which server a command asks, and as whom.
type connection struct {
	URL    string `env:"SCAIVAULT_URL" placeholder:"URL" group:"connection" help:"Server (default ${url})."`
	Token  string `env:"SCAIVAULT_TOKEN" placeholder:"TOKEN" group:"connection" help:"Who asks; others can see flags."`
	Tenant string `env:"SCAIVAULT_TENANT_ID" placeholder:"ID" group:"connection" help:"Tenant, if not the token's own."`
}

func (c *connection) open() (*client.Client, error) {
	url := c.URL
	if url == "" {
		url = defaultURL
	}
	return client.New(client.Config{
		URL: url, Token: c.Token, Tenant: c.Tenant,
		UserAgent: "scaivault-audit/" + version(),
	})
}
