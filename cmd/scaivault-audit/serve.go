package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/scaivault/audit/internal/store"
)

// serveCommand holds the settings of the server; their help texts are the
// reference. Each can also be a variable of the environment, SCAIVAULT_AUDIT_
// before its name, or a key of the file of --config.
type serveCommand struct {
	Config configFlag `placeholder:"FILE" env:"CONFIG" help:"YAML file with settings."`

	Data         string `placeholder:"DIR" env:"DATA" help:"Data directory, made if there is none; it gets mode 0700."`
	Listen       string `default:"127.0.0.1:8480" env:"LISTEN" help:"Host and port of the API."`
	Metrics      string `placeholder:"HOST:PORT" env:"METRICS" help:"Also answer GET /metrics, for Prometheus, here; whoever reaches it needs no token."`
	TLSCert      string `placeholder:"FILE" env:"TLS_CERT" help:"Certificate chain in PEM; read again when it changes."`
	TLSKey       string `placeholder:"FILE" env:"TLS_KEY" help:"Its private key in PEM."`
	InsecureHTTP bool   `env:"INSECURE_HTTP" help:"Listen beyond loopback without TLS: something in front encrypts."`

	Issuer   string `placeholder:"URL" env:"ISSUER" help:"Identity provider whose JWTs are accepted."`
	Audience string `placeholder:"NAME" env:"AUDIENCE" help:"Audience that a JWT must name."`
	JWKSURL  string `name:"jwks-url" placeholder:"URL" env:"JWKS_URL" help:"Its keys; by default it says where they are."`

	loginSettings

	RateLimitQueries int  `default:"1200" env:"RATE_LIMIT_QUERIES" help:"Queries of an identity per minute."`
	RateLimitExports int  `default:"30" env:"RATE_LIMIT_EXPORTS" help:"Exports of an identity per minute."`
	AllowFuture      bool `env:"ALLOW_FUTURE" help:"Take events over 24 hours ahead of the clock, for imports."`

	SealEvents int           `default:"262144" env:"SEAL_EVENTS" help:"Events of a tenant in memory that are sealed into a segment (default ${default})."`
	SealAfter  time.Duration `default:"24h" env:"SEAL_AFTER" help:"How long fewer stay in memory (default ${default})."`
	TailEvents int           `default:"1048576" env:"TAIL_EVENTS" help:"Events of all tenants in memory from which on the largest are sealed (default ${default})."`

	LogName        string `default:"scaivault-audit" placeholder:"NAME" env:"LOG_NAME" help:"Name under which the logs are signed, as log.example.com (default ${default}); it stays what it was."`
	SealTrails     bool   `env:"SEAL_TRAILS" help:"Commit to all trails by an event for every 65,536, so that --prove can show that one is complete; costs CPU and up to 4.5 bytes an event."`
	AcceptRollback bool   `help:"Sign logs again that went back behind their checkpoint, on record: after a backup was restored."`

	ExportDir     []string `placeholder:"DIR" env:"EXPORT_DIR" help:"Allow exports into this directory; repeatable."`
	AllowEndpoint []string `placeholder:"HOST:PORT" env:"ALLOW_ENDPOINT" help:"Allow exports and sinks to this private address; repeatable."`
	ExportWorkers int      `default:"2" env:"EXPORT_WORKERS" help:"Exports that run at the same time."`
	sinkSettings
	secretSettings
	anchorSettings
	witnessSettings
	vaultSettings
	expectSettings

	Dev      bool   `env:"DEV" help:"Try it: sample events, a token and, without --data, a throw-away directory."`
	Sample   bool   `default:"true" negatable:"" help:"With --dev: append 100,000 sample events to an empty log."`
	DevToken string `hidden:"" env:"DEV_TOKEN"`
}

// Help is shown by serve --help.
func (serveCommand) Help() string {
	return `A setting is a flag, else a variable of the environment, else a key of the YAML
file of --config: listen: 127.0.0.1:8480, for one.

Examples:

    scaivault-audit serve --dev
    scaivault-audit serve --data /var/lib/scaivault-audit
    scaivault-audit serve --data /var/lib/scaivault-audit \
        --listen 0.0.0.0:8480 --tls-cert cert.pem --tls-key key.pem

SIGTERM and SIGINT finish what is in flight and end the server within five seconds.`
}

// Run serves until the process is asked to end.
func (c *serveCommand) Run(p *process) error {
	if err := c.check(); err != nil {
		return usageError{err}
	}
	if err := c.checkTLS(); err != nil {
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
	if err := c.checkAddress("--listen", c.Listen); err != nil {
		return err
	}
	if c.Metrics != "" {
		if err := c.checkAddress("--metrics", c.Metrics); err != nil {
			return err
		}
	}
	switch {
	case c.Data == "" && !c.Dev:
		return errors.New("--data: want the data directory (or --dev, to try the program)")
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return errors.New("--tls-cert and --tls-key: want both or none")
	case c.RateLimitQueries < 1 || c.RateLimitExports < 1:
		return errors.New("--rate-limit-queries, --rate-limit-exports: want at least 1")
	case c.ExportWorkers < 1:
		return errors.New("--export-workers: want at least 1")
	case c.SealEvents < 1 || c.SealEvents > store.MaxSealEvents:
		return fmt.Errorf("--seal-events: want 1 to %d", store.MaxSealEvents)
	case c.SealAfter < time.Minute || c.TailEvents < 1:
		return errors.New("--seal-after: want at least 1m; --tail-events: at least 1")
	case c.LogName == "" || strings.ContainsFunc(c.LogName, notOfName):
		return fmt.Errorf("--log-name %q: want letters, digits, '.', '-', '_' and '/'", c.LogName)
	case c.DevToken != "" && !c.Dev:
		return fmt.Errorf("%s: is for --dev only", devTokenVariable)
	}
	return errors.Join(c.secretSettings.check(), c.anchorSettings.check(&c.secretSettings), c.witnessSettings.check(),
		c.vaultSettings.check(c.TLSCert != ""), c.expectSettings.check())
}

// checkAddress finds an address that cannot be listened on, or not without TLS.
func (c *serveCommand) checkAddress(flag, address string) error {
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	switch {
	case err != nil:
		return fmt.Errorf("%s %q: want HOST:PORT, the port a number up to 65535", flag, address)
	case c.TLSCert == "" && c.TLSKey == "" && !loopback(host) && !c.InsecureHTTP:
		return fmt.Errorf("%s %s: without --tls-cert and --tls-key the server listens on loopback only; "+
			"--insecure-http if something in front of it encrypts", flag, address)
	}
	return nil
}

// notOfName reports whether a character cannot be in the name of a log.
func notOfName(r rune) bool {
	return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_/", r)
}

// checkTLS finds a certificate that does not go with its key, before anything
// is opened.
func (c *serveCommand) checkTLS() error {
	if c.TLSCert == "" {
		return nil
	}
	if _, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey); err != nil {
		return fmt.Errorf("--tls-cert, --tls-key: %w", err)
	}
	return nil
}

// loopback reports whether a host to listen on is this machine alone. A name
// is not looked up: what it means could change.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
