package client

import (
	"context"

	"github.com/scaivault/audit"
)

// RouteSummary is the route of [Client.Summary], for [Client.Raw].
const RouteSummary = "/v1/audit/summary"

// Summary counts the events that q selects, in the [audit.DefaultPeriod]
// before now if it has no range.
func (c *Client) Summary(ctx context.Context, q audit.SummaryQuery) (audit.Summary, error) {
	var s audit.Summary
	err := c.get(ctx, RouteSummary, q.String(), &s)
	return s, err
}

// Values lists the values of a field that contain a text.
func (c *Client) Values(ctx context.Context, q audit.ValuesQuery) (audit.Values, error) {
	var v audit.Values
	err := c.get(ctx, "/v1/audit/values", q.String(), &v)
	return v, err
}
