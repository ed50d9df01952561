package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
)

// trail is what the commands about one secret and one identity share.
type trail struct {
	period
	filters
	Limit int    `default:"100" placeholder:"N" help:"How many events, 1 to 1000 (default ${default})."`
	JSON  bool   `help:"Print the server's answer, as is done where no terminal is."`
	Prove string `placeholder:"FILE" help:"Save the whole trail into a file with the proof that it has all events; see verify."`
	connection
}

func (t *trail) query(p *process, more params) (audit.Query, error) {
	more["limit"] = fmt.Sprint(t.Limit)
	more.period(&t.period, p.now())
	more.filters(&t.filters)
	return audit.ParseQuery(audit.Params(more))
}

type secretTrailCommand struct {
	Path string `arg:"" help:"Path of the secret."`
	ofIdentity
	trail
}

// Help is shown by secret-trail --help.
func (secretTrailCommand) Help() string {
	return `The summary is of the last 30 days; the events below it are not limited to them.

Examples:

    scaivault-audit secret-trail integrations/salesforce/oauth
    scaivault-audit secret-trail prod/db --identity-id sa:reporting --action read,write

    # all events of the secret, and the proof that there are no others
    scaivault-audit secret-trail prod/db --prove prod-db.trail
    scaivault-audit verify prod-db.trail --key audit.keys`
}

// Run shows the trail of a secret.
func (c *secretTrailCommand) Run(p *process) error {
	path, err := audit.ParsePath(c.Path)
	if err != nil {
		return err
	}
	more := params{}
	more.set("identity_id", c.IdentityID)
	q, err := c.query(p, more)
	if err != nil {
		return err
	}
	api, err := c.open()
	if err != nil {
		return err
	}
	if c.Prove != "" {
		return c.prove(p, api, &q, path, "")
	}
	if !p.tables(c.JSON) {
		return p.printRaw(api, client.SecretRoute(path), q.String())
	}
	t, err := api.Secret(p.ctx, path, q)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "Secret %s\n", visible(string(t.Path)))
	printTrailSummary(p.stdout, &t.Summary.TrailSummary,
		plural(t.Summary.UniqueIdentities, "identity", "identities"))
	names, counts := identityCounts(t.Summary.TopIdentities)
	printCounts(p.stdout, "Identities", names, counts)
	return p.printTrail(&t.LogPage)
}

type identityCommand struct {
	ID string `arg:"" help:"The identity, as user:alice@example.org."`
	ofSecret
	trail
}

// Help is shown by identity --help.
func (identityCommand) Help() string {
	return `The summary is of the last 30 days; the events below it are not limited to them.

Examples:

    scaivault-audit identity sa:reporting
    scaivault-audit identity user:alice@example.org --success false --from 7d

    # all that it did, and the proof that there is nothing else
    scaivault-audit identity sa:reporting --prove reporting.trail
    scaivault-audit verify reporting.trail --key audit.keys`
}

// Run shows the trail of an identity.
func (c *identityCommand) Run(p *process) error {
	// The rules of an identity are those of the filter.
	if _, err := audit.ParseQuery(audit.Params{"identity_id": c.ID}); err != nil {
		return err
	}
	id := audit.IdentityID(c.ID)
	more := params{}
	more.set("secret_path", c.SecretPath)
	q, err := c.query(p, more)
	if err != nil {
		return err
	}
	api, err := c.open()
	if err != nil {
		return err
	}
	if c.Prove != "" {
		return c.prove(p, api, &q, "", id)
	}
	if !p.tables(c.JSON) {
		return p.printRaw(api, client.IdentityRoute(id), q.String())
	}
	t, err := api.Identity(p.ctx, id, q)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "Identity %s", visible(string(t.IdentityID)))
	if t.IdentityType != "" {
		fmt.Fprintf(p.stdout, " (%s)", visible(string(t.IdentityType)))
	}
	fmt.Fprintln(p.stdout)
	printTrailSummary(p.stdout, &t.Summary.TrailSummary, plural(t.Summary.UniqueResources, "secret", "secrets"))
	names, counts := pathCounts(t.Summary.TopResources)
	printCounts(p.stdout, "Secrets", names, counts)
	return p.printTrail(&t.LogPage)
}

// printRaw prints the answer of a route as the server wrote it.
func (p *process) printRaw(api *client.Client, route, query string) error {
	answer, err := api.Raw(p.ctx, route, query)
	if err != nil {
		return err
	}
	return p.printJSON(answer)
}

func (p *process) printTrail(page *client.LogPage) error {
	fmt.Fprintln(p.stdout)
	if err := p.printEntries(page.Logs); err != nil {
		return err
	}
	if page.HasMore {
		fmt.Fprintf(p.stderr, "%s shown; there are more (--limit, or logs --all)\n",
			plural(len(page.Logs), "event", "events"))
	}
	return nil
}

func printTrailSummary(w io.Writer, s *audit.TrailSummary, unique string) {
	fmt.Fprintf(w, "Last %d days: %s, %d failed, %s", s.PeriodDays,
		plural(s.TotalEvents, "event", "events"), s.FailedEvents, unique)
	if s.FirstAccessedAt != nil && s.LastAccessedAt != nil {
		fmt.Fprintf(w, "; first %s, last %s", showTime(*s.FirstAccessedAt), showTime(*s.LastAccessedAt))
	}
	fmt.Fprintln(w)
	names, counts := actionCounts(s.ActionsBreakdown)
	printCounts(w, "Actions", names, counts)
}

// actionCounts returns the actions by count, ties by name.
func actionCounts(m map[audit.Action]uint64) (names []string, counts []uint64) {
	for a := range m {
		names = append(names, string(a))
	}
	slices.SortFunc(names, func(a, b string) int {
		x, y := m[audit.Action(a)], m[audit.Action(b)]
		if x != y {
			return cmp.Compare(y, x)
		}
		return strings.Compare(a, b)
	})
	for _, name := range names {
		counts = append(counts, m[audit.Action(name)])
	}
	return names, counts
}

func identityCounts(top []audit.IdentityCount) (names []string, counts []uint64) {
	for _, t := range top {
		names, counts = append(names, string(t.IdentityID)), append(counts, t.Count)
	}
	return names, counts
}

func pathCounts(top []audit.PathCount) (names []string, counts []uint64) {
	for _, t := range top {
		names, counts = append(names, string(t.Path)), append(counts, t.Count)
	}
	return names, counts
}
