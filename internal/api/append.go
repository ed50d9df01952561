package api

import (
	"net/http"

	"github.com/scaivault/audit"
)

// appendLogs answers POST /v1/audit/logs. The tenant is the one that the token
// and its header or path select; nothing in the body can name one.
func (s *Server) appendLogs(r *request) error {
	if err := r.only("atomic"); err != nil {
		return err
	}
	partial, err := partial(r.params)
	if err != nil {
		return err
	}
	key, err := idempotencyKey(r.Header)
	if err != nil {
		return err
	}
	form, err := batchForm(r.Header)
	if err != nil {
		return err
	}
	room := s.takeRoom()
	if room.text, err = readBodyInto(room.text, r); err != nil {
		return err
	}
	body := alias(room.text)
	b, err := audit.DecodeBatchInto(room.events, form, body, s.latest(), partial)
	if err != nil {
		return err
	}
	if b.Key = key; key != "" {
		b.Digest = digest(body)
	}
	receipt, err := s.Log.Append(r.Context(), r.tenant, b)
	if err != nil {
		return err
	}
	if len(receipt.Rejected) == 0 { // else it may quote the body, and be kept for a repetition
		room.events = b.Events
		s.putBack(room)
	}
	return r.receipt(receipt)
}

// latest returns the latest time that an event may have.
func (s *Server) latest() audit.Time {
	if s.AnyFuture {
		return audit.MaxTime
	}
	return audit.TimeOf(s.Clock()) + audit.MaxFuture
}

// partial reads the parameter atomic, which is true unless it is given.
func partial(p audit.Params) (bool, error) {
	v, ok := p["atomic"]
	if ok && v != "true" && v != "false" {
		return false, audit.Invalid([]audit.FieldError{{Field: "atomic", Message: "want true or false"}})
	}
	return v == "false", nil
}

// maxKey is the longest Idempotency-Key.
const maxKey = 255

// idempotencyKey returns the Idempotency-Key of a request, "" if it has none.
func idempotencyKey(h http.Header) (string, error) {
	keys := h.Values("Idempotency-Key")
	if len(keys) == 0 {
		return "", nil
	}
	bad := audit.Errorf(audit.CodeInvalidRequest,
		"want one Idempotency-Key of 1 to %d printable ASCII characters", maxKey)
	key := keys[0]
	if len(keys) > 1 || key == "" || len(key) > maxKey {
		return "", bad
	}
	for i := range len(key) {
		if key[i] < ' ' || key[i] > '~' {
			return "", bad
		}
	}
	return key, nil
}

// receipt answers with what became of a batch.
func (r *request) receipt(receipt audit.Receipt) error {
	if receipt.Replayed {
		r.out.Header().Set("Idempotency-Replayed", "true")
	}
	type rejection struct {
		Line    int          `json:"line"`
		Code    audit.Code   `json:"code"`
		Message text         `json:"message"`
		Fields  []fieldError `json:"fields"`
	}
	body := struct {
		Accepted   int         `json:"accepted"`
		Duplicates int         `json:"duplicates"`
		Rejected   []rejection `json:"rejected"`
		FirstIndex *uint64     `json:"first_index"`
		LastIndex  *uint64     `json:"last_index"`
	}{receipt.Accepted, receipt.Duplicates, make([]rejection, len(receipt.Rejected)),
		receipt.FirstIndex, receipt.LastIndex}
	for i, j := range receipt.Rejected {
		body.Rejected[i] = rejection{j.Line, j.Code, text(j.Message), fieldErrors(j.Fields)}
	}
	return r.answer(statusOK, body)
}
