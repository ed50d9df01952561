package client

import (
	"context"
	"iter"

	"github.com/scaivault/audit"
)

// AccessPage is a page of a list of who touched what.
type AccessPage struct {
	Accesses []audit.Access `json:"accesses"`
	Cursor   string         `json:"cursor"` // as in [LogPage]
	HasMore  bool           `json:"has_more"`
}

// Accesses returns one page of the pairs of identity and path among the events
// that q selects, the latest first.
func (c *Client) Accesses(ctx context.Context, q audit.AccessQuery) (AccessPage, error) {
	var page AccessPage
	err := c.get(ctx, "/v1/audit/accesses", q.String(), &page)
	return page, err
}

// AllAccesses walks the pages of q, as [Client.AllLogs] does.
func (c *Client) AllAccesses(ctx context.Context, q audit.AccessQuery) iter.Seq2[audit.Access, error] {
	if q.Limit == 0 {
		q.Limit = audit.MaxLimit
	}
	return walk(q.Cursor, func(cursor string) ([]audit.Access, string, error) {
		q.Cursor = cursor
		page, err := c.Accesses(ctx, q)
		return page.Accesses, page.Cursor, err
	})
}
