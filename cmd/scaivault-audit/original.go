package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/source"
	"github.com/scaivault/audit/internal/vfs"
)

// originalsDir is where lines are kept as they came, below the data directory.
const originalsDir = "originals"

type originalCommand struct {
	SHA256 string `arg:"" name:"sha256" help:"SHA-256 of the line in hex, as request_sha256 and response_sha256 of an event have it."`
	Tenant string `placeholder:"ID" help:"Tenant whose line it must be."`
	dataDir
}

// Help is shown by original --help.
func (originalCommand) Help() string {
	return `Prints a line of an audit device byte for byte as it came, if serve --keep-originals
has kept it and it was not removed for want of space. What is printed has the SHA-256
that was asked for. Works beside a running server, as the user it runs as.

Examples:

    scaivault-audit logs --extra response_sha256=3b4c… --json
    scaivault-audit original --data /var/lib/scaivault-audit 3b4c…`
}

// Run prints the line.
func (c *originalCommand) Run(p *process) error {
	b, err := hex.DecodeString(c.SHA256)
	if err != nil || len(b) != sha256.Size {
		return audit.Errorf(audit.CodeValidationError, "%q: want the 64 hex digits of a SHA-256", c.SHA256)
	}
	if err := errors.Join(c.exists(), c.owned()); err != nil {
		return err
	}
	progress := newProgress(p, "original", 0, countUnit("files"))
	defer progress.end()
	line, tenant, err := source.Original(vfs.OS{}, filepath.Join(c.Data, originalsDir), [sha256.Size]byte(b),
		func(read, _ int) { progress.reach(int64(read)) })
	if errors.Is(err, fs.ErrNotExist) || err == nil && c.Tenant != "" && c.Tenant != string(tenant) {
		return audit.Errorf(audit.CodeNotFound, "no original has this SHA-256: it was not kept, or was removed for want of space")
	}
	if err != nil {
		return err
	}
	_, err = p.stdout.Write(append(line, '\n'))
	return err
}
