package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
)

type exportCommand struct {
	Create exportCreateCommand `cmd:"" help:"Write events into a bucket, or into a local directory."`
	List   exportListCommand   `cmd:"" help:"Show exports, the newest first."`
	Get    exportGetCommand    `cmd:"" help:"Show one export and its files."`
	Wait   exportWaitCommand   `cmd:"" help:"Wait until an export is finished."`
	Cancel exportCancelCommand `cmd:"" help:"End an export that is not finished."`
	Resume exportResumeCommand `cmd:"" help:"Let a paused export go on, with credentials that you may read."`
}

// Help is shown by export --help.
func (exportCommand) Help() string {
	return `An export is a snapshot: every event that its filters select when it is made,
the oldest first, in files of a bucket, and a manifest.json with their hashes. The
server writes it; it goes on after a restart, and this program need not wait.

Examples:

    # last quarter's events, compressed, and a look at how it goes
    scaivault-audit export create s3://acme-archive/audit/2026-q1 --credentials exports/s3 \
        --from 2026-01-01 --to 2026-04-01 --compression zstd --wait

    # would it work, and how large would it be?
    scaivault-audit export create gs://acme-audit --credentials exports/gcs --dry-run

    # without a bucket
    scaivault-audit export create --local ./april --from 2026-04-01 --to 2026-05-01

    scaivault-audit export list --status failed`
}

type exportCreateCommand struct {
	Destination string `arg:"" optional:"" help:"s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, azure://CONTAINER/PREFIX or file:PREFIX."`
	Credentials string `placeholder:"PATH" help:"Secret with the credentials of the bucket."`
	Local       string `placeholder:"DIR" help:"Read the events through the API and write the files here."`
	Format      string `default:"jsonl" placeholder:"FORMAT" help:"jsonl (default), csv or parquet."`
	Compression string `default:"none" placeholder:"NAME" help:"none (default), gzip or zstd; parquet has its own."`
	PartSize    string `default:"128MiB" placeholder:"SIZE" help:"Size after which the next file begins (default ${default})."`
	DryRun      bool   `help:"Try the destination and estimate the size; make nothing."`
	Wait        bool   `help:"Wait until the export is finished."`
	JSON        bool   `help:"Print JSON, as is done where no terminal is."`
	period
	ofIdentity
	ofSecret
	filters
	connection
}

// Help is shown by export create --help.
func (exportCreateCommand) Help() string {
	return `The credentials are a secret of the server's, whose path you give; no key goes
over this command line. A prefix that is left out becomes scaivault/EXPORT_ID.
Files are never overwritten. Destinations of file: lie in a directory that the
server's operator allowed (serve --export-dir).

Examples:

    scaivault-audit export create s3://acme-archive/audit --credentials exports/s3
    scaivault-audit export create azure://audit --credentials exports/azure --format parquet \
        --path-prefix prod/payments --from 90d
    scaivault-audit export create file:april --from 2026-04-01 --to 2026-05-01 --wait
    scaivault-audit export create --local ./denied --success false --from 7d

    # Everything as jsonl has its proof with it, --local too: scaivault-audit verify ./all.
    scaivault-audit export create --local ./all`
}

// Run makes an export.
func (c *exportCreateCommand) Run(p *process) error {
	if (c.Destination == "") == (c.Local == "") {
		return usageError{fmt.Errorf("want a destination, as s3://BUCKET/PREFIX, or --local DIR")}
	}
	r, err := c.request(p)
	if err != nil {
		return err
	}
	api, err := c.open()
	if err != nil {
		return err
	}
	switch {
	case c.Local != "":
		return c.runLocal(p, api, r)
	case c.DryRun:
		return c.plan(p, api, r)
	}
	created, err := api.CreateExport(p.ctx, r)
	if err != nil {
		return err
	}
	if c.Wait {
		return waitExport(p, api, created.ID, c.JSON)
	}
	if !p.tables(c.JSON) {
		return p.printValue(created)
	}
	_, err = fmt.Fprintf(p.stdout, "%s is %s, with %s.\nSee how it goes: scaivault-audit export wait %[1]s\n",
		created.ID, created.Status, plural(created.EstimatedRecords, "event", "events"))
	return err
}

// request returns what is asked for, by the rules of the API: what the server
// would refuse is refused before it is asked.
func (c *exportCreateCommand) request(p *process) (audit.ExportRequest, error) {
	params := params{}
	params.period(&c.period, p.now())
	params.set("identity_id", c.IdentityID)
	params.set("secret_path", c.SecretPath)
	params.filters(&c.filters)
	q, err := audit.ParseQuery(audit.Params(params))
	if err != nil {
		return audit.ExportRequest{}, err
	}
	size, err := parseSize(c.PartSize)
	if err != nil {
		return audit.ExportRequest{}, err
	}
	d, err := parseDestination(c.Destination)
	if err != nil {
		return audit.ExportRequest{}, err
	}
	r := audit.ExportRequest{
		Filter: q.Filter, Format: audit.ExportFormat(c.Format), Compression: audit.Compression(c.Compression),
		PartSize: size, Destination: d, CredentialsPath: audit.Path(c.Credentials),
	}
	body, err := r.MarshalJSON()
	if err != nil {
		return r, err
	}
	return audit.DecodeExportRequest(string(body))
}

// plan prints what an export would be. A check that failed is an error.
func (c *exportCreateCommand) plan(p *process, api *client.Client, r audit.ExportRequest) error {
	plan, err := api.PlanExport(p.ctx, r)
	if err != nil {
		return err
	}
	if p.tables(c.JSON) {
		_, err = fmt.Fprintf(p.stdout, "%s, about %s in %s\n", plural(plan.EstimatedRecords, "event", "events"),
			showSize(int64(plan.EstimatedBytes)), plural(plan.EstimatedParts, "file", "files"))
	} else {
		err = p.printValue(plan)
	}
	for _, check := range plan.Checks {
		if err == nil && !check.OK {
			err = audit.Errorf(audit.CodeDestinationUnavailable, "%s", check.Message)
		}
	}
	return err
}

// schemes are how command lines name the types of destinations.
var schemes = map[string]audit.DestinationType{
	"s3": audit.DestinationS3, "gs": audit.DestinationGCS, "azure": audit.DestinationAzure,
}

// parseDestination reads a destination; "" is a file of the local directory,
// of which the server never hears.
func parseDestination(s string) (audit.Destination, error) {
	if rest, ok := strings.CutPrefix(s, "file:"); ok || s == "" {
		d := audit.Destination{Type: audit.DestinationFile, Prefix: rest}
		if strings.HasPrefix(rest, "/") {
			d.Bucket, d.Prefix = rest, ""
		}
		return d, nil
	}
	scheme, rest, ok := strings.Cut(s, "://")
	kind, known := schemes[scheme]
	if !ok || !known {
		return audit.Destination{}, audit.Errorf(audit.CodeValidationError,
			"destination %q: want s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, azure://CONTAINER/PREFIX or file:PREFIX", s)
	}
	bucket, prefix, _ := strings.Cut(rest, "/")
	return audit.Destination{Type: kind, Bucket: bucket, Prefix: prefix}, nil
}

// showDestination is the inverse of parseDestination.
func showDestination(d audit.Destination) string {
	for scheme, kind := range schemes {
		if kind == d.Type {
			return visible(scheme + "://" + d.Bucket + "/" + d.Prefix)
		}
	}
	if d.Bucket != "" {
		return visible("file:" + d.Bucket + "/" + d.Prefix)
	}
	return visible("file:" + d.Prefix)
}

// parseSize reads a number of bytes, with KiB, MiB or GiB if they are many.
func parseSize(s string) (int64, error) {
	unit := int64(1)
	number := s
	for i, suffix := range []string{"KiB", "MiB", "GiB"} {
		if n, ok := strings.CutSuffix(s, suffix); ok {
			number, unit = n, 1<<(10*(i+1))
		}
	}
	n, err := strconv.ParseUint(number, 10, 31)
	if err != nil {
		return 0, audit.Errorf(audit.CodeValidationError, "size %q: want a number with KiB, MiB or GiB", s)
	}
	return int64(n) * unit, nil
}

// printValue prints v as a line of JSON.
func (p *process) printValue(v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	return p.printJSON(b.Bytes())
}
