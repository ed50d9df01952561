package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
)

type findLeakCommand struct {
	VaultAddr      string   `required:"" env:"VAULT_ADDR" placeholder:"URL" help:"Vault or OpenBao whose lines are in the log."`
	VaultNamespace string   `env:"VAULT_NAMESPACE" placeholder:"NAME" help:"Its namespace."`
	VaultCACert    string   `name:"vault-ca-cert" env:"VAULT_CACERT" placeholder:"FILE" help:"Authorities of its certificate in PEM, if not the system's."`
	Device         []string `placeholder:"NAME" help:"Audit device, as file; repeatable (default: all there are)."`
	TokensOnly     bool     `help:"Look for a token or an accessor only, which the server finds by itself."`
	JSON           bool     `help:"Print canonical lines, as is done where no terminal is."`
	period
	filters
	connection
}

// Help is shown by find-leak --help.
func (findLeakCommand) Help() string {
	return `A token, a password or a key has leaked: was it used, by whom, from where? The
log holds hashes only. Vault computes the hash of the value that stands on
standard input, for each audit device with its salt, and every event that holds
it is printed: of whoever came with the token, got it, or wrote or read the
value. VAULT_TOKEN is a token that may read sys/audit and update sys/audit-hash.

The exit code is 4 if no event holds it. An event holds what its line did, cut
on record where that was long; what stands in "truncated" cannot be searched.

Examples:

    scaivault-audit find-leak --vault-addr https://vault.example.com:8200 < leaked.txt
    pbpaste | scaivault-audit find-leak --tokens-only --from 30d`
}

// maxLeak is the longest value that is looked for, in bytes.
const maxLeak = 1 << 20

// Run prints the events that hold the hash of what is on standard input.
func (c *findLeakCommand) Run(p *process) error {
	roots, err := rootsOf("--vault-ca-cert", c.VaultCACert)
	if err != nil {
		return err
	}
	vault, err := newVaultClient(c.VaultAddr, c.VaultNamespace, os.Getenv("VAULT_TOKEN"), roots)
	if err != nil {
		return usageError{err}
	}
	secret, err := readLeak(p.stdin)
	if err != nil {
		return err
	}
	api, err := c.open()
	if err != nil {
		return err
	}
	devices := c.Device
	if len(devices) == 0 {
		if devices, err = vault.devices(p.ctx); err != nil {
			return err
		}
	}
	l := leak{p: p, api: api, json: !p.tables(c.JSON), hashes: make(map[string]string), seen: make(map[audit.EventID]bool)}
	for _, name := range devices {
		hash, err := vault.hash(p.ctx, name, secret)
		if err != nil {
			return err
		}
		l.hashes[hash] = strings.Trim(name, "/")
	}
	if err := c.search(&l); err != nil {
		return err
	}
	return l.report()
}

// readLeak reads the value; the end of its line is not part of it.
func readLeak(r io.Reader) (string, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxLeak+1))
	if err != nil {
		return "", fmt.Errorf("standard input: %w", err)
	}
	s := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if s == "" || len(b) > maxLeak {
		return "", audit.Errorf(audit.CodeValidationError, "standard input: want the value, of 1 to %d bytes", maxLeak)
	}
	return s, nil
}

// tokenKeys are the members of extra data that hold a token or an accessor.
var tokenKeys = [...]string{"client_token", "accessor", "issued_client_token", "issued_accessor"}

// search looks through the events.
func (c *findLeakCommand) search(l *leak) error {
	params := params{}
	params.period(&c.period, l.p.now())
	params.filters(&c.filters)
	q, err := audit.ParseQuery(audit.Params(params))
	if err != nil {
		return err
	}
	if !c.TokensOnly {
		summary, err := l.api.Summary(l.p.ctx, audit.SummaryQuery{Filter: q.Filter, Top: 1})
		if err != nil {
			return err
		}
		q.Limit = audit.MaxLimit
		return l.scan(q, int64(summary.TotalEvents))
	}
	for hash := range l.hashes {
		for _, key := range tokenKeys {
			q := q
			q.Extra = append(slices.Clone(q.Extra), audit.ExtraFilter{Key: key, Value: hash})
			slices.SortFunc(q.Extra, func(a, b audit.ExtraFilter) int { return strings.Compare(a.Key, b.Key) })
			if err := l.scan(q, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// leak is a search and what it has found.
type leak struct {
	p      *process
	api    *client.Client
	json   bool
	hashes map[string]string // hash to device
	seen   map[audit.EventID]bool

	searched int
	who      []string // in the order in which they were found
}

// scan prints the events of a query that hold one of the hashes.
func (l *leak) scan(q audit.Query, total int64) error {
	bar := newProgress(l.p, "find-leak", total, eventsUnit())
	defer bar.end()
	for e, err := range l.api.AllLogs(l.p.ctx, q) {
		if err != nil {
			return err
		}
		l.searched++
		bar.add(1)
		if l.seen[e.ID] || !l.holds(e.ExtraData) {
			continue
		}
		l.seen[e.ID] = true
		if err := l.show(&e); err != nil {
			return err
		}
	}
	return nil
}

func (l *leak) holds(extra string) bool {
	for hash := range l.hashes {
		if strings.Contains(extra, hash) {
			return true
		}
	}
	return false
}

// show prints an event, and to standard error where it holds the hash.
func (l *leak) show(e *client.Entry) error {
	who := fmt.Sprintf("%s from %s", e.IdentityID, cmp.Or(e.SourceIP, "an unknown address"))
	if !slices.Contains(l.who, who) {
		l.who = append(l.who, who)
	}
	if l.json {
		return l.p.printJSON(e.AppendLine(nil))
	}
	if err := l.p.printEntry(e); err != nil {
		return err
	}
	_, err := fmt.Fprintf(l.p.stdout, "    in %s\n", strings.Join(l.where(e.ExtraData), ", "))
	return err
}

// where names the members of extra data that hold a hash, with the device.
func (l *leak) where(extra string) []string {
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(extra), &members) != nil {
		return nil
	}
	var names []string
	for name, value := range members {
		for hash, device := range l.hashes {
			if strings.Contains(string(value), hash) {
				names = append(names, visible(name)+" (device "+visible(device)+")")
			}
		}
	}
	slices.Sort(names)
	return names
}

// report says what was found.
func (l *leak) report() error {
	if len(l.seen) == 0 {
		return audit.Errorf(audit.CodeNotFound, "no event holds the value: %s searched, hashes of %s",
			plural(l.searched, "event", "events"), plural(len(l.hashes), "device", "devices"))
	}
	fmt.Fprintf(l.p.stderr, "%s with the value, by\n", plural(len(l.seen), "event", "events"))
	for _, who := range l.who {
		fmt.Fprintf(l.p.stderr, "    %s\n", visible(who))
	}
	return nil
}

var errNoVaultToken = errors.New("VAULT_TOKEN: want a token of Vault or OpenBao in the environment")
