package main

import (
	"errors"
	"fmt"

	"github.com/scaivault/audit"
)

type tenantCommand struct {
	Create tenantCreateCommand `cmd:"" help:"Register a tenant."`
	List   tenantListCommand   `cmd:"" help:"Show what tenants there are."`
}

// Help is shown by tenant --help.
func (tenantCommand) Help() string {
	return `These commands work in the data directory, beside a running server or without one.

Examples:

    scaivault-audit tenant create --data /var/lib/audit tnt_acme --partner prt_msp
    scaivault-audit tenant list --data /var/lib/audit`
}

type tenantCreateCommand struct {
	dataDir
	ID      string `arg:"" help:"1 to 64 of A-Z, a-z, 0-9, _ and -."`
	Partner string `placeholder:"ID" help:"Partner whose administrators may act for the tenant."`
}

// Help is shown by tenant create --help.
func (tenantCreateCommand) Help() string {
	return `A tenant also exists once a token or an event named it; registering it is
needed to give it a partner.

Examples:

    scaivault-audit tenant create --data /var/lib/audit tnt_acme --partner prt_msp`
}

// Run registers a tenant.
func (c *tenantCreateCommand) Run(p *process) error {
	id, err := audit.ParseTenantID(c.ID)
	if err != nil {
		return err
	}
	tenants, err := c.tenants(p)
	if err != nil {
		return err
	}
	if err := tenants.Create(id, c.Partner); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "created %s\n", id)
	return err
}

type tenantListCommand struct {
	dataDir
	JSON bool `help:"Print a line of JSON per tenant, as is done where no terminal is."`
}

// Help is shown by tenant list --help.
func (tenantListCommand) Help() string {
	return `Examples:

    scaivault-audit tenant list --data /var/lib/audit`
}

// Run shows the tenants. What can be read is shown beside the error of what
// cannot.
func (c *tenantListCommand) Run(p *process) error {
	if err := c.exists(); err != nil {
		return err
	}
	tenants, err := c.tenants(p)
	if err != nil {
		return err
	}
	list, err := tenants.List()
	if !p.tables(c.JSON) {
		return errors.Join(printLinesOf(p, list), err)
	}
	rows := make([][]string, len(list))
	for i, t := range list {
		rows[i] = []string{string(t.ID), visible(t.Partner), showTime(t.CreatedAt)}
	}
	headers := []string{"TENANT", "PARTNER", "CREATED"}
	return errors.Join(p.printTable(listing{headers: headers, rows: rows, rigid: 1}), err)
}
