package main

import (
	"errors"
	"time"

	"github.com/scaivault/audit/internal/export"
	"github.com/scaivault/audit/internal/secrets"
	"github.com/scaivault/audit/internal/vfs"
)

// secretSettings say where the credentials of destinations come from: from one
// of these servers, else from what secret put keeps in the data directory.
type secretSettings struct {
	ScaiVaultURL string `name:"scaivault-url" placeholder:"URL" env:"SCAIVAULT_URL" help:"Read the credentials of exports from this ScaiVault, as the caller."`

	VaultURL          string `placeholder:"URL" env:"VAULT_URL" help:"Read them from this Vault or OpenBao, KV version 2."`
	VaultNamespace    string `placeholder:"NAME" env:"VAULT_NAMESPACE" help:"Its namespace."`
	VaultMount        string `default:"secret" placeholder:"NAME" env:"VAULT_MOUNT" help:"Where the KV engine is mounted (default ${default})."`
	VaultPrefix       string `placeholder:"PATH" env:"VAULT_PREFIX" help:"Read below this path only. {tenant} in it is the tenant; without it all tenants share what is there."`
	VaultTokenFile    string `placeholder:"FILE" env:"VAULT_TOKEN_FILE" help:"File with the token, or else:"`
	VaultAppRole      string `name:"vault-approle" default:"approle" placeholder:"NAME" env:"VAULT_APPROLE" help:"Where AppRole is mounted (default ${default})."`
	VaultRoleIDFile   string `name:"vault-role-id-file" placeholder:"FILE" env:"VAULT_ROLE_ID_FILE" help:"File with the role id."`
	VaultSecretIDFile string `name:"vault-secret-id-file" placeholder:"FILE" env:"VAULT_SECRET_ID_FILE" help:"File with the secret id."`
}

// check finds settings that do not go together.
func (c *secretSettings) check() error {
	if c.ScaiVaultURL != "" && c.VaultURL != "" {
		return errors.New("--scaivault-url, --vault-url: want at most one")
	}
	return nil
}

// open returns where secrets come from.
func (c *secretSettings) open(disk vfs.FS, dir string, clock func() time.Time) (export.Secrets, error) {
	switch {
	case c.ScaiVaultURL != "":
		return secrets.NewScaiVault(secrets.NewClient(), c.ScaiVaultURL)
	case c.VaultURL != "":
		return secrets.NewVault(secrets.VaultConfig{
			Client: secrets.NewClient(), URL: c.VaultURL, Namespace: c.VaultNamespace,
			Mount: c.VaultMount, Prefix: c.VaultPrefix, Files: disk, TokenFile: c.VaultTokenFile,
			AppRoleMount: c.VaultAppRole, RoleIDFile: c.VaultRoleIDFile, SecretIDFile: c.VaultSecretIDFile,
		})
	}
	return secrets.OpenLocal(disk, dir, clock)
}
