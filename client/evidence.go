package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/scaivault/audit"
)

// Checkpoint returns the latest signed checkpoint of the log, the text of a C2SP
// signed note: keep it, to prove later that the log continues it. Before the
// first one it is an [audit.CodeNotFound].
func (c *Client) Checkpoint(ctx context.Context) ([]byte, error) {
	note, _, err := c.send(ctx, request{method: http.MethodGet, route: "/v1/audit/checkpoint"})
	return note, err
}

// WitnessedCheckpoint is [Client.Checkpoint] for the newest one that a witness
// cosigned.
func (c *Client) WitnessedCheckpoint(ctx context.Context) ([]byte, error) {
	note, _, err := c.send(ctx, request{method: http.MethodGet, route: "/v1/audit/checkpoint", query: "witnessed=true"})
	return note, err
}

// Keys returns the verifier keys of the log, the newest first, each as C2SP's
// signed-note writes them: name+hash+base64.
func (c *Client) Keys(ctx context.Context) ([]string, error) {
	var answer struct {
		Keys []string `json:"keys"`
	}
	err := c.get(ctx, "/v1/audit/keys", "", &answer)
	return answer.Keys, err
}

// KeyStatements returns the statements by which keys vouch for those that took
// their place, as signed notes.
func (c *Client) KeyStatements(ctx context.Context) ([]string, error) {
	var answer struct {
		Statements []string `json:"statements"`
	}
	err := c.get(ctx, "/v1/audit/keys", "", &answer)
	return answer.Statements, err
}

// Inclusion returns the proof, as JSON, that an event is in the log. An event
// that is not there is an [audit.CodeEventNotFound].
func (c *Client) Inclusion(ctx context.Context, id audit.EventID) (json.RawMessage, error) {
	return c.Raw(ctx, "/v1/audit/proofs/inclusion", url.Values{"id": {string(id)}}.Encode())
}

// Consistency returns the proof, as JSON, that the log of the size to continues
// that of the size from, 1 ≤ from ≤ to. A size that the log does not have is an
// [audit.CodeValidationError].
func (c *Client) Consistency(ctx context.Context, from, to uint64) (json.RawMessage, error) {
	return c.Raw(ctx, "/v1/audit/proofs/consistency", url.Values{
		"from_size": {strconv.FormatUint(from, 10)}, "to_size": {strconv.FormatUint(to, 10)},
	}.Encode())
}

// TrailProof returns the proof, as JSON, that the trail of a secret or of an
// identity, whichever is not "", has no event missing.
func (c *Client) TrailProof(ctx context.Context, path audit.Path, id audit.IdentityID) (json.RawMessage, error) {
	q := url.Values{}
	if path != "" {
		q.Set("secret_path", string(path))
	}
	if id != "" {
		q.Set("identity_id", string(id))
	}
	return c.Raw(ctx, "/v1/audit/proofs/trail", q.Encode())
}
