package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/scaivault/audit"
)

const routeSinks = "/v1/audit/sinks"

// Sinks returns the sinks of the tenant and how they do, by name.
func (c *Client) Sinks(ctx context.Context) ([]audit.SinkStatus, error) {
	var list struct {
		Sinks []audit.SinkStatus `json:"sinks"`
	}
	err := c.get(ctx, routeSinks, "", &list)
	return list.Sinks, err
}

// CreateSink makes a sink; a name that is taken is an [audit.CodeIDConflict].
func (c *Client) CreateSink(ctx context.Context, r audit.SinkRequest) (audit.SinkStatus, error) {
	var made audit.SinkStatus
	body, err := json.Marshal(r)
	if err != nil {
		return made, fmt.Errorf("encode sink: %w", err)
	}
	answer, _, err := c.send(ctx, request{method: http.MethodPost, route: routeSinks,
		header: map[string]string{"Content-Type": "application/json"}, body: body})
	if err != nil {
		return made, err
	}
	err = decode(routeSinks, answer, &made)
	return made, err
}

// Sink returns a sink; a name that the tenant does not have is an
// [audit.CodeNotFound], here and below.
func (c *Client) Sink(ctx context.Context, name audit.SinkName) (audit.SinkStatus, error) {
	var s audit.SinkStatus
	err := c.sink(ctx, http.MethodGet, name, "", "", &s)
	return s, err
}

// RemoveSink ends a sink and forgets how far it was.
func (c *Client) RemoveSink(ctx context.Context, name audit.SinkName) (audit.SinkStatus, error) {
	var s audit.SinkStatus
	err := c.sink(ctx, http.MethodDelete, name, "", "", &s)
	return s, err
}

// PauseSink lets a sink send no more.
func (c *Client) PauseSink(ctx context.Context, name audit.SinkName) (audit.SinkStatus, error) {
	var s audit.SinkStatus
	err := c.sink(ctx, http.MethodPost, name, "/pause", "", &s)
	return s, err
}

// ResumeSink lets a sink go on, from another place if start names one.
func (c *Client) ResumeSink(ctx context.Context, name audit.SinkName,
	start audit.SinkStart) (audit.SinkStatus, error) {
	var s audit.SinkStatus
	query := url.Values{}
	if start.Index != nil {
		query.Set("from_index", fmt.Sprint(*start.Index))
	}
	if start.Time != nil {
		query.Set("from", start.Time.String())
	}
	err := c.sink(ctx, http.MethodPost, name, "/resume", query.Encode(), &s)
	return s, err
}

// TestSink sends one synthetic event and returns what the receiver answered.
func (c *Client) TestSink(ctx context.Context, name audit.SinkName) (audit.SinkTest, error) {
	var t audit.SinkTest
	err := c.sink(ctx, http.MethodPost, name, "/test", "", &t)
	return t, err
}

// SetAside returns the latest events that a sink could not deliver.
func (c *Client) SetAside(ctx context.Context, name audit.SinkName) ([]audit.SetAside, error) {
	var list struct {
		SetAside []audit.SetAside `json:"set_aside"`
	}
	err := c.sink(ctx, http.MethodGet, name, "/set-aside", "", &list)
	return list.SetAside, err
}

func (c *Client) sink(ctx context.Context, method string, name audit.SinkName, rest, query string, out any) error {
	if !name.Valid() {
		return audit.Errorf(audit.CodeValidationError, "name %q: not the name of a sink", string(name))
	}
	route := routeSinks + "/" + string(name) + rest
	body, _, err := c.send(ctx, request{method: method, route: route, query: query})
	if err != nil {
		return err
	}
	return decode(route, body, out)
}
