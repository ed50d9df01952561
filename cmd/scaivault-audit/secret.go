package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/secrets"
	"github.com/scaivault/audit/internal/vfs"
)

type secretCommand struct {
	Put    secretPutCommand    `cmd:"" help:"Keep credentials of a destination, as JSON on standard input."`
	List   secretListCommand   `cmd:"" help:"Show what secrets there are, never their values."`
	Delete secretDeleteCommand `cmd:"" help:"Delete a secret."`
}

// Help is shown by secret --help.
func (secretCommand) Help() string {
	return `Secrets are the credentials with which exports are written: destination.credentials_path
names one. Each is encrypted with age in the data directory; its key is secrets.key there.

These commands work in the data directory, beside a running server or without one.

Examples:

    scaivault-audit secret put --data /var/lib/audit --tenant tnt_acme exports/s3 < s3.json
    scaivault-audit secret list --data /var/lib/audit
    scaivault-audit secret delete --data /var/lib/audit --tenant tnt_acme exports/s3`
}

// secretPath names one secret.
type secretPath struct {
	dataDir
	Tenant string `placeholder:"ID" help:"Tenant whose secret it is; the default is the only one there is."`
	Path   string `arg:"" help:"Path of the secret, as exports/s3."`
}

// parse returns what the flags name. The register of tenants is read if none
// names the tenant.
func (s *secretPath) parse(p *process) (audit.TenantID, audit.Path, error) {
	path, err := audit.ParsePath(s.Path)
	if err != nil {
		return "", "", err
	}
	if s.Tenant != "" {
		tenant, err := audit.ParseTenantID(s.Tenant)
		return tenant, path, err
	}
	if err := s.exists(); err != nil {
		return "", "", err
	}
	tenants, err := s.tenants(p)
	if err != nil {
		return "", "", err
	}
	list, err := tenants.List()
	if err != nil {
		return "", "", err
	}
	if len(list) != 1 {
		return "", "", audit.Errorf(audit.CodeValidationError,
			"--tenant: want one, as there are %d tenants", len(list))
	}
	return list[0].ID, path, nil
}

func (d *dataDir) secrets(p *process) (*secrets.Local, error) {
	if err := d.owned(); err != nil {
		return nil, err
	}
	return secrets.OpenLocal(vfs.OS{}, d.Data, p.now)
}

type secretPutCommand struct {
	secretPath
}

// Help is shown by secret put --help.
func (secretPutCommand) Help() string {
	return `Standard input is one JSON object of at most 64 KiB. It replaces the secret, if there is
one; exports that begin from now on use it. Its members, by type of destination:

    s3          access_key_id, secret_access_key;
                optional: session_token, region, endpoint, path_style
    gcs         the members of a service account key, as Google's JSON file has them,
                or that file's text in one member, service_account_json;
                optional: endpoint
    azure_blob  account_name with account_key or sas_token,
                or connection_string; optional: endpoint

Examples:

    # from a file that only you can read
    scaivault-audit secret put --data /var/lib/audit --tenant tnt_acme exports/s3 < s3.json

    # a service account key of Google Cloud as it is
    scaivault-audit secret put --data /var/lib/audit exports/gcs < key.json

    # from the environment, so that no value is in the list of processes
    jq -n '{account_name: env.ACCOUNT, account_key: env.KEY}' |
        scaivault-audit secret put --data /var/lib/audit exports/azure`
}

// Run makes or replaces a secret.
func (c *secretPutCommand) Run(p *process) error {
	tenant, path, err := c.parse(p)
	if err != nil {
		return err
	}
	if f, ok := p.stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return audit.Errorf(audit.CodeValidationError,
			"secret put: want JSON on standard input, which is a terminal: add < FILE; --help shows the members")
	}
	text, err := io.ReadAll(io.LimitReader(p.stdin, secrets.MaxSize+1)) // one more, to be refused
	if err != nil {
		return fmt.Errorf("read secret: %w", err)
	}
	store, err := c.secrets(p)
	if err != nil {
		return err
	}
	if err := store.Put(tenant, path, text); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "stored %s of %s\n", visible(string(path)), tenant)
	return err
}

type secretListCommand struct {
	dataDir
	JSON bool `help:"Print a line of JSON per secret, as is done where no terminal is."`
}

// Help is shown by secret list --help.
func (secretListCommand) Help() string {
	return `The names of members are shown, their values never.

Examples:

    scaivault-audit secret list --data /var/lib/audit`
}

// Run shows the secrets of all tenants. What can be read is shown beside the
// error of what cannot.
func (c *secretListCommand) Run(p *process) error {
	if err := c.exists(); err != nil {
		return err
	}
	store, err := c.secrets(p)
	if err != nil {
		return err
	}
	list, err := store.List()
	if !p.tables(c.JSON) {
		return errors.Join(printLinesOf(p, list), err)
	}
	rows := make([][]string, len(list))
	for i, s := range list {
		rows[i] = []string{string(s.Tenant), visible(string(s.Path)), visible(strings.Join(s.Members, ", ")),
			showTime(s.UpdatedAt)}
	}
	headers := []string{"TENANT", "PATH", "MEMBERS", "UPDATED"}
	return errors.Join(p.printTable(listing{headers: headers, rows: rows, rigid: 1}), err)
}

type secretDeleteCommand struct {
	secretPath
}

// Help is shown by secret delete --help.
func (secretDeleteCommand) Help() string {
	return `Exports that begin from now on cannot use it. A copy in a backup is not deleted.

Examples:

    scaivault-audit secret delete --data /var/lib/audit --tenant tnt_acme exports/s3`
}

// Run deletes a secret.
func (c *secretDeleteCommand) Run(p *process) error {
	if err := c.exists(); err != nil {
		return err
	}
	tenant, path, err := c.parse(p)
	if err != nil {
		return err
	}
	store, err := c.secrets(p)
	if err != nil {
		return err
	}
	if err := store.Delete(tenant, path); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "deleted %s of %s\n", visible(string(path)), tenant)
	return err
}
