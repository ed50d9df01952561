package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
)

type summaryCommand struct {
	period
	ofIdentity
	ofSecret
	filters

	Interval *string `placeholder:"STEP" help:"Add a timeline in steps of this length, as 5m, 1h, 1d."`
	Top      *string `placeholder:"N" help:"Length of the top lists, 1 to 100 (default 10)."`
	JSON     bool    `help:"Print the server's answer, as is done where no terminal is."`
	connection
}

// Help is shown by summary --help.
func (summaryCommand) Help() string {
	return `Counts are exact. Without --from and --to they are of the last 30 days.

Examples:

    scaivault-audit summary
    scaivault-audit summary --from 7d --interval 1d --path-prefix prod
    scaivault-audit summary --from 24h --success false --top 25 --json`
}

// Run counts events.
func (c *summaryCommand) Run(p *process) error {
	params := params{}
	params.period(&c.period, p.now())
	params.set("identity_id", c.IdentityID)
	params.set("secret_path", c.SecretPath)
	params.filters(&c.filters)
	params.set("interval", c.Interval)
	params.set("top", c.Top)
	q, err := audit.ParseSummaryQuery(audit.Params(params))
	if err != nil {
		return err
	}
	api, err := c.open()
	if err != nil {
		return err
	}
	if !p.tables(c.JSON) {
		return p.printRaw(api, client.RouteSummary, q.String())
	}
	s, err := api.Summary(p.ctx, q)
	if err != nil {
		return err
	}
	p.printSummary(&s)
	return nil
}

func (p *process) printSummary(s *audit.Summary) {
	fmt.Fprintf(p.stdout, "%s to %s: %s, %d ok, %d failed\n", showTime(s.From), showTime(s.To),
		plural(s.TotalEvents, "event", "events"), s.SuccessfulEvents, s.FailedEvents)
	names, counts := actionCounts(s.ActionsBreakdown)
	printCounts(p.stdout, "Actions", names, counts)
	names, counts = identityCounts(s.TopIdentities)
	printCounts(p.stdout, "Identities", names, counts)
	names, counts = pathCounts(s.TopResources)
	printCounts(p.stdout, "Secrets", names, counts)
	p.printTimeline(s.Timeline)
}

// printTimeline draws a bar for each bucket, all to the scale of the largest.
func (p *process) printTimeline(timeline []audit.Bucket) {
	if len(timeline) == 0 {
		return
	}
	var most uint64
	for _, b := range timeline {
		most = max(most, b.TotalEvents)
	}
	digits := len(strconv.FormatUint(most, 10))
	// The time, the count, the gaps and the note beside the bar take the rest.
	width := max(10, p.width-len("2006-01-02T15:04Z")-digits-len("      18446 failed"))
	fmt.Fprintf(p.stdout, "\nTimeline\n")
	for _, b := range timeline {
		line := fmt.Sprintf("  %s  %*d  %s", b.Start.Std().Format("2006-01-02T15:04Z"), digits, b.TotalEvents,
			bar(b.TotalEvents, most, width))
		if b.FailedEvents > 0 {
			line += fmt.Sprintf(" %d failed", b.FailedEvents)
		}
		fmt.Fprintln(p.stdout, strings.TrimRight(line, " "))
	}
}

// bar returns n of most as a bar of at most width columns, to an eighth of a
// column. What is not nothing is seen.
func bar(n, most uint64, width int) string {
	if n == 0 {
		return ""
	}
	eighths := max(1, int(float64(n)/float64(most)*float64(8*width)))
	text := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		text += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	return text
}
