package client

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"time"

	"github.com/scaivault/audit"
)

// The routes of exports.
const (
	routeExport  = "/v1/audit/export"
	routeExports = "/v1/audit/exports"
)

// ExportCreated is what is known of an export when it was made.
type ExportCreated struct {
	ID               audit.ExportID     `json:"export_id"`
	Status           audit.ExportStatus `json:"status"`
	EstimatedRecords uint64             `json:"estimated_records"`
	CreatedAt        audit.Time         `json:"created_at"`
}

// ExportPage is a page of a list of exports.
type ExportPage struct {
	Exports []audit.Export `json:"exports"`
	Cursor  string         `json:"cursor"` // as in [LogPage]
	HasMore bool           `json:"has_more"`
}

// CreateExport asks for an export. r.Key makes the request repeatable for a
// day; if it is "", a random one makes at least the repetitions within one call
// safe. Which rows the export may hold is known by the token.
func (c *Client) CreateExport(ctx context.Context, r audit.ExportRequest) (ExportCreated, error) {
	var created ExportCreated
	if r.Key == "" {
		r.Key = rand.Text()
	}
	err := c.postExport(ctx, r, "", &created)
	return created, err
}

// PlanExport asks what an export would be and whether its destination can be
// written to; nothing is made.
func (c *Client) PlanExport(ctx context.Context, r audit.ExportRequest) (audit.ExportPlan, error) {
	var plan audit.ExportPlan
	err := c.postExport(ctx, r, "dry_run=true", &plan)
	return plan, err
}

func (c *Client) postExport(ctx context.Context, r audit.ExportRequest, query string, out any) error {
	body, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode export: %w", err)
	}
	header := map[string]string{"Content-Type": "application/json"}
	if r.Key != "" {
		header["Idempotency-Key"] = r.Key
	}
	answer, _, err := c.send(ctx, request{method: http.MethodPost, route: routeExport, query: query,
		header: header, body: body})
	if err != nil {
		return err
	}
	return decode(routeExport, answer, out)
}

// Exports returns one page of the exports that q selects, the newest first.
func (c *Client) Exports(ctx context.Context, q audit.ExportQuery) (ExportPage, error) {
	var page ExportPage
	err := c.get(ctx, routeExports, q.String(), &page)
	return page, err
}

// AllExports walks the pages of q, as [Client.AllLogs] does.
func (c *Client) AllExports(ctx context.Context, q audit.ExportQuery) iter.Seq2[audit.Export, error] {
	return walk(q.Cursor, func(cursor string) ([]audit.Export, string, error) {
		q.Cursor = cursor
		page, err := c.Exports(ctx, q)
		return page.Exports, page.Cursor, err
	})
}

// Export returns an export; an id that the tenant does not have is an
// [audit.CodeExportNotFound].
func (c *Client) Export(ctx context.Context, id audit.ExportID) (audit.Export, error) {
	return c.export(ctx, http.MethodGet, id, "")
}

// CancelExport ends an export; one that is finished already is an
// [audit.CodeExportConflict].
func (c *Client) CancelExport(ctx context.Context, id audit.ExportID) (audit.Export, error) {
	return c.export(ctx, http.MethodDelete, id, "")
}

// ResumeExport lets a paused export go on, with credentials that the client's
// token may read; one that is not paused is an [audit.CodeExportConflict].
func (c *Client) ResumeExport(ctx context.Context, id audit.ExportID) (audit.Export, error) {
	return c.export(ctx, http.MethodPost, id, "/resume")
}

func (c *Client) export(
	ctx context.Context, method string, id audit.ExportID, rest string,
) (audit.Export, error) {
	var e audit.Export
	if !id.Valid() {
		return e, audit.Errorf(audit.CodeValidationError, "id %q: not the id of an export", string(id))
	}
	route := routeExports + "/" + string(id) + rest
	body, _, err := c.send(ctx, request{method: method, route: route})
	if err != nil {
		return e, err
	}
	return e, decode(route, body, &e)
}

// An export is asked for again after firstPoll, then ever more rarely.
const (
	firstPoll = 100 * time.Millisecond
	lastPoll  = 2 * time.Second
)

// WatchExport yields an export again and again, until it is finished or
// paused; that is the last one. After an error the walk ends.
func (c *Client) WatchExport(ctx context.Context, id audit.ExportID) iter.Seq2[audit.Export, error] {
	return func(yield func(audit.Export, error) bool) {
		for wait := firstPoll; ; wait = min(lastPoll, 2*wait) {
			e, err := c.Export(ctx, id)
			if !yield(e, err) || err != nil || e.Status.Final() || e.Status == audit.ExportPaused {
				return
			}
			if err := sleep(ctx, wait); err != nil {
				yield(audit.Export{}, err)
				return
			}
		}
	}
}
