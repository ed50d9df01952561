package api

import (
	"slices"

	"github.com/scaivault/audit"
)

// listLogs answers GET /v1/audit/logs.
func (s *Server) listLogs(r *request) error {
	q, err := audit.ParseQuery(r.params)
	if err != nil {
		return err
	}
	binding, err := s.open(r, &q)
	if err != nil {
		return err
	}
	page, err := s.Log.Query(r.Context(), r.tenant, q)
	if err != nil {
		return err
	}
	body := appendEvents([]byte("{"), page.Records, q.Proof)
	r.write(statusOK, append(s.appendNext(body, r, page.Next, binding), '}'))
	return nil
}

// getLog answers GET /v1/audit/logs/{id}.
func (s *Server) getLog(r *request) error {
	if err := r.only(); err != nil {
		return err
	}
	id := audit.EventID(r.values["id"])
	if !id.Valid() {
		return audit.Errorf(audit.CodeEventNotFound, "no event has such an id")
	}
	record, err := s.Log.Event(r.Context(), r.tenant, id, r.principal.PathPrefixes)
	if err != nil {
		return err
	}
	r.write(statusOK, record.AppendLine(nil))
	return nil
}

// open narrows q to the rows that the principal may see and opens its cursor.
// It returns what the cursor of the next page is bound to.
func (s *Server) open(r *request, q *audit.Query) (binding string, err error) {
	q.Within = r.principal.PathPrefixes
	binding = q.Binding()
	q.After, err = s.cursor(r, q.Cursor, binding)
	return binding, err
}

// cursor opens the cursor of a list, nil for none.
func (s *Server) cursor(r *request, text, binding string) (*audit.Cursor, error) {
	if text == "" {
		return nil, nil
	}
	return s.CursorKey.Open(text, r.tenant, binding, s.Clock())
}

// typicalLine is the length of most events in bytes.
const typicalLine = 400

// appendEvents appends the member logs: canonical lines, with their proof if it
// was asked for.
func appendEvents(b []byte, records []audit.Record, proof bool) []byte {
	b = slices.Grow(b, len(records)*typicalLine)
	b = append(b, `"logs":[`...)
	for i := range records {
		if i > 0 {
			b = append(b, ',')
		}
		if proof {
			b = records[i].AppendProof(b)
		} else {
			b = records[i].AppendLine(b)
		}
	}
	return append(b, ']')
}

// appendNext appends the members cursor and has_more, with a comma before them.
func (s *Server) appendNext(b []byte, r *request, next *audit.Cursor, binding string) []byte {
	if next == nil {
		return append(b, `,"cursor":null,"has_more":false`...)
	}
	b = append(b, `,"cursor":"`...)
	b = append(b, s.CursorKey.Seal(*next, r.tenant, binding, s.Clock())...)
	return append(b, `","has_more":true`...)
}
