package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/proof"
	"github.com/scaivault/audit/internal/vfs"
)

type keysCommand struct {
	Show   keysShowCommand   `cmd:"" default:"withargs" help:"Print the keys that verify a log (the default)."`
	Rotate keysRotateCommand `cmd:"" help:"Make a new key, which signs from then on."`
}

// Help is shown by keys --help.
func (keysCommand) Help() string {
	return `Whoever has these keys can tell what the server signed from what it did not.

Examples:

    scaivault-audit keys > audit.keys
    scaivault-audit keys rotate --data /var/lib/scaivault-audit`
}

// Help is shown by keys show --help.
func (keysShowCommand) Help() string {
	return `Examples:

    # what an auditor keeps, from a server
    scaivault-audit keys > audit.keys

    # after a rotation: the new key, because the old one vouches for it
    scaivault-audit keys --known audit.keys > new.keys

    # from a data directory, for all its tenants
    scaivault-audit keys --data /var/lib/scaivault-audit > audit.keys`
}

type keysShowCommand struct {
	Data  string `placeholder:"DIR" help:"Read this data directory in place of asking a server."`
	Known string `placeholder:"FILE" help:"Keys that are trusted already: others are printed only if these vouch for them."`
	connection
}

// Run prints verifier keys, one a line, the newest of a log first.
func (c *keysShowCommand) Run(p *process) error {
	keys, statements, err := c.keys(p)
	if err == nil && c.Known != "" {
		keys, err = c.vouched(keys, statements)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, strings.Join(keys, "\n"))
	return err
}

// vouched returns the keys if all of them are known, or a known one vouches for
// them.
func (c *keysShowCommand) vouched(keys, statements []string) ([]string, error) {
	text, err := os.ReadFile(c.Known)
	if err != nil {
		return nil, usageError{fmt.Errorf("--known: %w", err)}
	}
	known := slices.DeleteFunc(strings.Fields(keyLines(text)), func(s string) bool { return !strings.Contains(s, "+") })
	trusted, err := proof.Vouched(known, keys, statements)
	if err != nil {
		return nil, fmt.Errorf("--known: %w", err)
	}
	if n := len(keys) - len(trusted); n > 0 {
		return nil, verdictError{proof.Report{Verdict: proof.Unverifiable, Fault: &proof.Fault{
			Message: fmt.Sprintf("none of the known keys vouches for %d of the %d keys", n, len(keys))}}}
	}
	return trusted, nil
}

// keys returns the keys, and how they vouch for each other.
func (c *keysShowCommand) keys(p *process) (keys, statements []string, err error) {
	if c.Data == "" {
		api, err := c.open()
		if err != nil {
			return nil, nil, err
		}
		keys, err := api.Keys(p.ctx)
		if err == nil && c.Known != "" {
			statements, err = api.KeyStatements(p.ctx)
		}
		return keys, statements, err
	}
	own, err := readOwnKeys(c.Data)
	if err != nil {
		return nil, nil, err
	}
	keys, err = c.dataKeys()
	return keys, own.Statements(), err
}

// dataKeys returns the keys of a data directory.
func (c *keysShowCommand) dataKeys() ([]string, error) {
	tenants, err := signedTenants(c.Data)
	if c.Tenant != "" {
		tenants = slices.DeleteFunc(tenants, func(id audit.TenantID) bool { return string(id) != c.Tenant })
	}
	if err == nil && len(tenants) == 0 {
		err = audit.Errorf(audit.CodeNotFound, "%s: no log of it is signed yet", c.Data)
	}
	var all []string
	for _, tenant := range tenants {
		if err == nil {
			var keys []string
			keys, err = verifierKeys(c.Data, tenant)
			all = append(all, keys...)
		}
	}
	return all, err
}

type keysRotateCommand struct{ dataDir }

// Help is shown by keys rotate --help.
func (keysRotateCommand) Help() string {
	return `The key before signs a statement that vouches for the new one, then its secret half
is forgotten; what it signed can be verified as before. The server must be
stopped: it signs with the key that it read when it started. What is signed from
then on is unverifiable by the old keys; auditors fetch the new one by keys --known.

Examples:

    scaivault-audit keys rotate --data /var/lib/scaivault-audit`
}

// Run makes a new key.
func (c *keysRotateCommand) Run(p *process) error {
	if err := errors.Join(c.exists(), c.owned()); err != nil {
		return err
	}
	if !isDataDir(c.Data) {
		return audit.Errorf(audit.CodeValidationError, "--data %s: no server has run in it", c.Data)
	}
	lock, err := vfs.OS{}.Lock(filepath.Join(c.Data, "log", "LOCK"))
	if errors.Is(err, vfs.ErrLocked) {
		return fmt.Errorf("--data %s: a server has it open and would go on to sign with the key that it read when "+
			"it started; stop it, rotate, and start it again", c.Data)
	}
	if err != nil {
		return err
	}
	defer lock.Close()
	keys, err := proof.RotateKeys(vfs.OS{}, c.Data, p.now())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "a new key signs from now on; there are %d\n", len(keys.Keys))
	return err
}

// signedTenants returns the tenants of a data directory whose logs are signed.
func signedTenants(dir string) ([]audit.TenantID, error) {
	names, err := vfs.OS{}.List(filepath.Join(dir, "proof"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var list []audit.TenantID
	for _, name := range names {
		if id, err := audit.ParseTenantID(name); err == nil {
			list = append(list, id)
		}
	}
	return list, nil
}

// verifierKeys returns the verifier keys of a tenant's log by what stands in a
// data directory: its keys, and the name under which the log was signed.
func verifierKeys(dir string, tenant audit.TenantID) ([]string, error) {
	checkpoint, err := os.ReadFile(filepath.Join(dir, "proof", string(tenant), "checkpoint"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, audit.Errorf(audit.CodeNotFound, "the log of %s has no checkpoint", tenant)
	}
	if err != nil {
		return nil, err
	}
	keys, err := readOwnKeys(dir)
	if err != nil {
		return nil, err
	}
	origin, _, _ := strings.Cut(string(checkpoint), "\n")
	return keys.Verifiers(origin)
}

// readOwnKeys reads the keys of a data directory.
func readOwnKeys(dir string) (*proof.Keys, error) {
	text, err := os.ReadFile(filepath.Join(dir, "proof.key"))
	if err != nil {
		return nil, err
	}
	keys := new(proof.Keys)
	if json.Unmarshal(text, keys) != nil { // the error may quote a secret
		return nil, errors.New("proof.key is not a list of keys")
	}
	return keys, nil
}

// parseKeys reads verifier keys: lines, or the answer of the API.
func parseKeys(text []byte) (note.Verifiers, error) { return proof.ParseVerifiers(keyLines(text)) }

// keyLines returns verifier keys as lines; they may be the answer of the API.
func keyLines(text []byte) string {
	var answer struct {
		Keys []string `json:"keys"`
	}
	if json.Unmarshal(text, &answer) == nil {
		return strings.Join(answer.Keys, "\n")
	}
	return string(text)
}

// readConsistency reads a proof as the API answers it.
func readConsistency(name string) (*proof.Consistency, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	c, err := parseConsistency(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}

func parseConsistency(text []byte) (*proof.Consistency, error) {
	c := new(proof.Consistency)
	if err := json.Unmarshal(text, c); err != nil {
		return nil, fmt.Errorf("is no proof of the API: %w", err)
	}
	return c, nil
}
