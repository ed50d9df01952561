package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/auth"
	"github.com/scaivault/audit/internal/vfs"
)

// dataDir is the data directory of commands that work beside a server.
type dataDir struct {
	Data string `required:"" env:"SCAIVAULT_AUDIT_DATA" placeholder:"DIR" help:"Data directory of the server."`
}

// exists returns an error if there is no such directory: what only looks must
// not make one because of a slip.
func (d *dataDir) exists() error {
	if info, err := os.Stat(d.Data); err != nil || !info.IsDir() {
		return audit.Errorf(audit.CodeValidationError, "--data %s: is no data directory", d.Data)
	}
	return nil
}

// owned returns an error if the directory is somebody else's: the server could
// not read what root writes there.
func (d *dataDir) owned() error {
	info, err := os.Stat(d.Data)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("--data: %w", err)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("--data %s: belongs to user %d; run this command as that user, as the server does",
			d.Data, stat.Uid)
	}
	return nil
}

func (d *dataDir) tokens(p *process) (*auth.Tokens, error) {
	if err := d.owned(); err != nil {
		return nil, err
	}
	return auth.OpenTokens(vfs.OS{}, d.Data, p.now)
}

func (d *dataDir) tenants(p *process) (*auth.Tenants, error) {
	if err := d.owned(); err != nil {
		return nil, err
	}
	return auth.OpenTenants(vfs.OS{}, d.Data, p.now)
}
