package api

import "github.com/scaivault/audit"

// listValues answers GET /v1/audit/values.
func (s *Server) listValues(r *request) error {
	q, err := audit.ParseValuesQuery(r.params)
	if err != nil {
		return err
	}
	q.Default(s.Clock())
	q.Within = r.principal.PathPrefixes
	v, err := s.Log.Values(r.Context(), r.tenant, q)
	if err != nil {
		return err
	}
	type value struct {
		Value   text       `json:"value"`
		Count   uint64     `json:"count"`
		FirstAt audit.Time `json:"first_at"`
		LastAt  audit.Time `json:"last_at"`
	}
	body := struct {
		Values  []value `json:"values"`
		Partial bool    `json:"partial,omitempty"`
	}{make([]value, len(v.Values)), v.Partial}
	for i, v := range v.Values {
		body.Values[i] = value{text(v.Value), v.Count, v.FirstAt, v.LastAt}
	}
	return r.answer(statusOK, body)
}
