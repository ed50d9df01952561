package main

type checkpointCommand struct {
	Witnessed bool `help:"The newest that a witness cosigned, in place of the newest."`
	connection
}

// Help is shown by checkpoint --help.
func (checkpointCommand) Help() string {
	return `Prints the latest signed checkpoint of the log: its name, its number of events and
the root of the tree over them. Whoever keeps it can prove later, with
verify --against, that nothing before it was changed or removed.

Examples:

    scaivault-audit checkpoint > "$(date -I).checkpoint"
    scaivault-audit checkpoint --witnessed`
}

// Run prints the checkpoint byte for byte.
func (c *checkpointCommand) Run(p *process) error {
	api, err := c.open()
	if err != nil {
		return err
	}
	latest := api.Checkpoint
	if c.Witnessed {
		latest = api.WitnessedCheckpoint
	}
	note, err := latest(p.ctx)
	if err != nil {
		return err
	}
	_, err = p.stdout.Write(note)
	return err
}
