package audit

import "net/url"

// ParseExportQuery reads the parameters of a list of exports.
func ParseExportQuery(p Params) (ExportQuery, error) {
	r := paramReader{params: p}
	var q ExportQuery
	if v, ok := r.take("status"); ok {
		if q.Status = ExportStatus(v); !q.Status.Known() {
			r.fail("status", "want pending, running, paused, completed, failed or cancelled")
		}
	}
	q.Limit = r.number("limit", 1, MaxLimit)
	q.Cursor = r.text("cursor", false)
	return q, r.err()
}

// String returns the query as a raw query string for [ParseExportQuery].
func (q *ExportQuery) String() string {
	v := url.Values{}
	if q.Status != "" {
		v.Set("status", string(q.Status))
	}
	setPage(v, q.Limit, q.Cursor)
	return v.Encode()
}

// Binding returns what a cursor of this query is bound to.
func (q *ExportQuery) Binding() string {
	return "exports\x00" + string(q.Status) + rows(q.Within)
}
