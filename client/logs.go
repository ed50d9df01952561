package client

import (
	"context"
	"iter"
	"net/url"

	"github.com/scaivault/audit"
)

const routeLogs = "/v1/audit/logs"

// LogPage is a page of a list of events.
type LogPage struct {
	Logs []Entry `json:"logs"`
	// Cursor begins the next page, in [audit.Query.Cursor]; "" on the last.
	Cursor  string `json:"cursor"`
	HasMore bool   `json:"has_more"`
}

// Logs returns one page of the events that q selects. Who asks is known by the
// token: q.Within and q.After do not travel.
func (c *Client) Logs(ctx context.Context, q audit.Query) (LogPage, error) {
	var page LogPage
	err := c.get(ctx, routeLogs, q.String(), &page)
	return page, err
}

// AllLogs walks the pages of q from its cursor to the end and yields every
// event once. q.Limit is the size of a page; 0 is [audit.MaxLimit]. After an
// error, which is yielded with the zero entry, the walk ends.
func (c *Client) AllLogs(ctx context.Context, q audit.Query) iter.Seq2[Entry, error] {
	if q.Limit == 0 {
		q.Limit = audit.MaxLimit
	}
	return walk(q.Cursor, func(cursor string) ([]Entry, string, error) {
		q.Cursor = cursor
		page, err := c.Logs(ctx, q)
		return page.Logs, page.Cursor, err
	})
}

// Event returns one event; an id that the log does not hold is an
// [audit.CodeEventNotFound].
func (c *Client) Event(ctx context.Context, id audit.EventID) (Entry, error) {
	var e Entry
	if !id.Valid() {
		return e, audit.Errorf(audit.CodeValidationError, "id %q: not the id of an event", string(id))
	}
	err := c.get(ctx, routeLogs+"/"+url.PathEscape(string(id)), "", &e)
	return e, err
}

// walk yields the items of all pages, from the cursor on.
func walk[T any](cursor string, next func(cursor string) ([]T, string, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for at := cursor; ; {
			items, following, err := next(at)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if following == "" {
				return
			}
			at = following
		}
	}
}
