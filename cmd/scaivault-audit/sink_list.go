package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/scaivault/audit"
)

type sinkListCommand struct {
	SetAside string `placeholder:"NAME" help:"The events that this sink could not deliver and went past, the newest first."`
	JSON     bool   `help:"Print a line of JSON per sink, as is done where no terminal is."`
	connection
}

// Help is shown by sink list --help.
func (sinkListCommand) Help() string {
	return `BEHIND is how many events of the log are not delivered, and how long the first of
them waits; ASIDE how many the receiver refused for good.

Examples:

    scaivault-audit sink list
    scaivault-audit sink list --set-aside splunk`
}

// Run lists sinks, or what one has set aside.
func (c *sinkListCommand) Run(p *process) error {
	api, err := c.open()
	if err != nil {
		return err
	}
	if c.SetAside != "" {
		list, err := api.SetAside(p.ctx, audit.SinkName(c.SetAside))
		if err != nil {
			return err
		}
		return p.printSetAside(list, c.JSON)
	}
	sinks, err := api.Sinks(p.ctx)
	if err != nil {
		return err
	}
	if !p.tables(c.JSON) {
		return printLinesOf(p, sinks)
	}
	return p.printSinks(sinks)
}

func (p *process) printSinks(sinks []audit.SinkStatus) error {
	if len(sinks) == 0 {
		_, err := fmt.Fprintln(p.stdout, "No sinks.")
		return err
	}
	rows := make([][]string, len(sinks))
	for i := range sinks {
		s := &sinks[i]
		behind := strconv.FormatUint(s.LagEvents, 10)
		if s.LagSeconds > 0 {
			behind += ", " + time.Duration(s.LagSeconds*float64(time.Second)).Round(time.Second).String()
		}
		rows[i] = []string{string(s.Name), string(s.State), behind, strconv.FormatUint(s.Delivered, 10),
			strconv.FormatFloat(s.PerSecond, 'f', 1, 64), strconv.FormatUint(s.Failures, 10), strconv.Itoa(s.SetAside),
			showTimeOr(s.LastSuccessAt, "-"), visible(string(s.Type) + " " + string(s.Format)), visible(s.URL)}
	}
	err := p.printTable(listing{
		headers: []string{"SINK", "STATE", "BEHIND", "DELIVERED", "PER S", "FAILED", "ASIDE", "LAST SUCCESS", "TYPE", "URL"},
		rows:    rows, rigid: 7, spare: 3,
		failed: func(row int) bool { return sinks[row].State == audit.SinkRetrying || sinks[row].SetAside > 0 },
	})
	for i := range sinks {
		if s := &sinks[i]; err == nil && s.State == audit.SinkRetrying {
			_, err = fmt.Fprintf(p.stdout, "%s failed %s in a row, at %s: %s\n", s.Name,
				plural(s.InARow, "time", "times"), showTimeOr(s.LastErrorAt, "-"), visible(s.LastError))
		}
	}
	return err
}

func (p *process) printSetAside(list []audit.SetAside, asJSON bool) error {
	if !p.tables(asJSON) {
		return printLinesOf(p, list)
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(p.stdout, "Nothing was set aside.")
		return err
	}
	rows := make([][]string, len(list))
	for i, e := range list {
		index := strconv.FormatUint(e.Index, 10)
		if e.To > 0 {
			index += " to " + strconv.FormatUint(e.To-1, 10)
		}
		rows[i] = []string{index, visible(string(e.ID)), showTime(e.At), visible(e.Reason)}
	}
	return p.printTable(listing{headers: []string{"INDEX", "EVENT", "SET ASIDE", "REASON"}, rows: rows, rigid: 3})
}
