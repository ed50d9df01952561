package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
)

// serveCommand holds the settings of the server; their help texts are the
// reference. Each can also be a variable of the environment or a key of the
// file of --config.
type serveCommand struct {
	Config configFlag `placeholder:"FILE" env:"SCAIVAULT_AUDIT_CONFIG" help:"YAML file with settings: this command's flags as keys. Flags and variables go before it."`

	Data         string `placeholder:"DIR" env:"SCAIVAULT_AUDIT_DATA" help:"Data directory, made if there is none; it gets mode 0700."`
	Listen       string `default:"127.0.0.1:8480" placeholder:"HOST:PORT" env:"SCAIVAULT_AUDIT_LISTEN" help:"Address of the API (${default})."`
	TLSCert      string `name:"tls-cert" placeholder:"FILE" env:"SCAIVAULT_AUDIT_TLS_CERT" help:"Certificate chain in PEM; read again when it changes."`
	TLSKey       string `name:"tls-key" placeholder:"FILE" env:"SCAIVAULT_AUDIT_TLS_KEY" help:"Its private key in PEM."`
	InsecureHTTP bool   `name:"insecure-http" env:"SCAIVAULT_AUDIT_INSECURE_HTTP" help:"Listen beyond loopback without TLS: something in front of the server encrypts."`

	Issuer   string `placeholder:"URL" env:"SCAIVAULT_AUDIT_ISSUER" help:"Identity provider whose JWTs are accepted."`
	Audience string `placeholder:"NAME" env:"SCAIVAULT_AUDIT_AUDIENCE" help:"Audience that a JWT must name."`
	JWKSURL  string `name:"jwks-url" placeholder:"URL" env:"SCAIVAULT_AUDIT_JWKS_URL" help:"The issuer's keys; by default the issuer is asked where they are."`

	RateLimitQueries int  `default:"1200" placeholder:"N" env:"SCAIVAULT_AUDIT_RATE_LIMIT_QUERIES" help:"Queries of an identity per minute (${default})."`
	RateLimitExports int  `default:"30" placeholder:"N" env:"SCAIVAULT_AUDIT_RATE_LIMIT_EXPORTS" help:"Exports of an identity per minute (${default})."`
	AllowFuture      bool `env:"SCAIVAULT_AUDIT_ALLOW_FUTURE" help:"Accept events more than 24 hours ahead of the clock, for imports."`

	Dev      bool   `env:"SCAIVAULT_AUDIT_DEV" help:"Try it: sample events, a token with all scopes and, without --data, a directory that is thrown away."`
	Sample   bool   `default:"true" negatable:"" help:"With --dev: append 100,000 sample events to an empty log."`
	DevToken string `hidden:"" env:"SCAIVAULT_AUDIT_DEV_TOKEN"`
}

// Help is shown by serve --help.
func (serveCommand) Help() string {
	return `Examples:

    scaivault-audit serve --dev
    scaivault-audit serve --data /var/lib/scaivault-audit
    scaivault-audit serve --data /var/lib/scaivault-audit --listen 0.0.0.0:8480 --tls-cert cert.pem --tls-key key.pem

SIGTERM and SIGINT finish what is in flight and end the server within five seconds.`
}

// Run serves until the process is asked to end.
func (c *serveCommand) Run(p *process) error {
	if err := c.check(); err != nil {
		return usageError{err}
	}
	logger := slog.New(slog.NewJSONHandler(p.stderr, nil))
	if !c.Dev {
		s, err := openServer(c, p.now, logger)
		if err != nil {
			return err
		}
		return s.serve(p.ctx, func(url string) { logger.Info("listening", "url", url) })
	}
	return c.runDev(p)
}

// check finds settings that do not go together.
func (c *serveCommand) check() error {
	host, _, err := net.SplitHostPort(c.Listen)
	switch {
	case err != nil:
		return fmt.Errorf("--listen %q: want HOST:PORT", c.Listen)
	case c.Data == "" && !c.Dev:
		return errors.New("--data: want the data directory (or --dev, to try the program)")
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return errors.New("--tls-cert and --tls-key: want both or none")
	case c.TLSCert == "" && !loopback(host) && !c.InsecureHTTP:
		return fmt.Errorf("--listen %s: without --tls-cert and --tls-key the server listens on loopback only; "+
			"--insecure-http if something in front of it encrypts", c.Listen)
	case c.RateLimitQueries < 1 || c.RateLimitExports < 1:
		return errors.New("--rate-limit-queries, --rate-limit-exports: want at least 1")
	case c.DevToken != "" && !c.Dev:
		return errors.New("SCAIVAULT_AUDIT_DEV_TOKEN: is for --dev only")
	}
	return nil
}

// loopback reports whether a host to listen on is this machine alone. A name
// is not looked up: what it means could change.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
