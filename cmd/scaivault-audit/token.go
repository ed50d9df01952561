package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/auth"
)

// operator is who acts by having the data directory at hand.
const operator audit.IdentityID = "system:operator"

type tokenCommand struct {
	Create tokenCreateCommand `cmd:"" help:"Make a token and print it, once."`
	List   tokenListCommand   `cmd:"" help:"Show what tokens there are, never the tokens."`
	Revoke tokenRevokeCommand `cmd:"" help:"End a token."`
}

// Help is shown by token --help.
func (tokenCommand) Help() string {
	return `These commands work in the data directory, beside a running server or without one.

Examples:

    scaivault-audit token create --data /var/lib/audit --tenant tnt_acme \
        --identity sa:vault --scope audit:write
    scaivault-audit token list --data /var/lib/audit
    scaivault-audit token revoke --data /var/lib/audit tok_4fT1...`
}

type tokenCreateCommand struct {
	dataDir
	Tenant     string   `required:"" placeholder:"ID" help:"Tenant whose log the token is for."`
	Identity   string   `required:"" placeholder:"ID" help:"Who holds it: user:NAME, sa:NAME, group:NAME."`
	Scope      string   `required:"" placeholder:"LIST" help:"audit:read, audit:write, audit:export, audit:admin."`
	PathPrefix []string `sep:"none" placeholder:"PATH" help:"Show only secrets at and below it; several times."`
	Expires    string   `default:"90d" placeholder:"TIME" help:"When it ends, as 12h or 90d (default ${default})."`
	Name       string   `placeholder:"TEXT" help:"What people call it."`
}

// Help is shown by token create --help.
func (tokenCreateCommand) Help() string {
	return `The token stands alone on standard output and cannot be shown again. A running
server knows it within three seconds.

Examples:

    # a service that appends events
    scaivault-audit token create --data /var/lib/audit --tenant tnt_acme \
        --identity sa:vault --scope audit:write

    # an auditor of the payment secrets, for a week
    scaivault-audit token create --data /var/lib/audit --tenant tnt_acme \
        --identity user:eve@example.org --scope audit:read,audit:export \
        --path-prefix prod/payments --expires 7d`
}

// Run makes a token.
func (c *tokenCreateCommand) Run(p *process) error {
	spec, err := c.spec()
	if err != nil {
		return err
	}
	tokens, err := c.tokens(p)
	if err != nil {
		return err
	}
	tenants, err := c.tenants(p)
	if err != nil {
		return err
	}
	token, _, err := tokens.Create(spec)
	if err != nil {
		return err
	}
	_, err = tenants.Ensure(spec.Tenant, "")
	_, printErr := fmt.Fprintln(p.stdout, token) // it exists, whatever else went wrong
	return errors.Join(err, printErr)
}

func (c *tokenCreateCommand) spec() (auth.TokenSpec, error) {
	tenant, tenantErr := audit.ParseTenantID(c.Tenant)
	scopes, scopeErr := auth.ParseScopes(c.Scope)
	lifetime, lifetimeErr := auth.ParseLifetime(c.Expires)
	spec := auth.TokenSpec{Tenant: tenant, Identity: audit.IdentityID(c.Identity), DisplayName: c.Name,
		Scopes: scopes, Lifetime: lifetime, CreatedBy: operator}
	err := errors.Join(tenantErr, scopeErr, lifetimeErr)
	for _, s := range c.PathPrefix {
		prefix, prefixErr := audit.ParsePrefix(s)
		spec.PathPrefixes = append(spec.PathPrefixes, prefix)
		err = errors.Join(err, prefixErr)
	}
	return spec, err
}

type tokenListCommand struct {
	dataDir
	JSON bool `help:"Print a line of JSON per token, as is done where no terminal is."`
}

// Help is shown by token list --help.
func (tokenListCommand) Help() string {
	return `Examples:

    scaivault-audit token list --data /var/lib/audit`
}

// Run shows the tokens. What can be read is shown beside the error of what
// cannot.
func (c *tokenListCommand) Run(p *process) error {
	if err := c.exists(); err != nil {
		return err
	}
	tokens, err := c.tokens(p)
	if err != nil {
		return err
	}
	list, err := tokens.List()
	if !p.tables(c.JSON) {
		return errors.Join(printLinesOf(p, list), err)
	}
	rows := make([][]string, len(list))
	for i, t := range list {
		scopes := make([]string, len(t.Scopes))
		for j, s := range t.Scopes {
			scopes[j] = string(s)
		}
		rows[i] = []string{t.ID, string(t.Tenant), visible(string(t.Identity)), strings.Join(scopes, ","),
			tokenState(&t, audit.TimeOf(p.now())), showTimeOr(t.LastUsedAt, "never")}
	}
	headers := []string{"ID", "TENANT", "IDENTITY", "SCOPES", "EXPIRES", "LAST USED"}
	return errors.Join(p.printTable(listing{headers: headers, rows: rows, rigid: 1}), err)
}

// tokenState says until when a token can be used, or why it cannot.
func tokenState(t *auth.TokenInfo, now audit.Time) string {
	switch {
	case t.RevokedAt != nil:
		return "revoked " + showTime(*t.RevokedAt)
	case t.ExpiresAt <= now:
		return "expired " + showTime(t.ExpiresAt)
	}
	return showTime(t.ExpiresAt)
}

func showTimeOr(t *audit.Time, absent string) string {
	if t == nil {
		return absent
	}
	return showTime(*t)
}

// printLinesOf prints each item as a line of JSON.
func printLinesOf[T any](p *process, items []T) error {
	for _, item := range items {
		text, err := json.Marshal(item)
		if err != nil {
			return err
		}
		if err := p.printJSON(text); err != nil {
			return err
		}
	}
	return nil
}

type tokenRevokeCommand struct {
	dataDir
	Token string `arg:"" help:"The token, or its id as token list shows it."`
}

// Help is shown by token revoke --help.
func (tokenRevokeCommand) Help() string {
	return `A running server refuses the token within three seconds.

Examples:

    scaivault-audit token revoke --data /var/lib/audit tok_4fT1...`
}

// Run ends a token.
func (c *tokenRevokeCommand) Run(p *process) error {
	if err := c.exists(); err != nil {
		return err
	}
	tokens, err := c.tokens(p)
	if err != nil {
		return err
	}
	info, err := tokens.Revoke(c.Token, operator)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "revoked %s of %s\n", info.ID, visible(string(info.Identity)))
	return err
}
