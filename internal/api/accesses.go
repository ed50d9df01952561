package api

import "github.com/scaivault/audit"

// listAccesses answers GET /v1/audit/accesses.
func (s *Server) listAccesses(r *request) error {
	q, err := audit.ParseAccessQuery(r.params)
	if err != nil {
		return err
	}
	q.Within = r.principal.PathPrefixes
	binding := q.Binding()
	if q.After, err = s.cursor(r, q.Cursor, binding); err != nil {
		return err
	}
	page, err := s.Log.Accesses(r.Context(), r.tenant, q)
	if err != nil {
		return err
	}
	for i := range page.Accesses {
		page.Accesses[i].ActionsBreakdown = counts(page.Accesses[i].ActionsBreakdown)
	}
	rows, err := encode(listOf(page.Accesses))
	if err != nil {
		return err
	}
	body := append([]byte(`{"accesses":`), rows...)
	r.write(statusOK, append(s.appendNext(body, r, page.Next, binding), '}'))
	return nil
}
