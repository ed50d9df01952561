package audit

import "net/url"

// Params are the parameters of a query string, each of which stands there once.
type Params map[string]string

// ParseParams reads a raw query string strictly: what url.Values drops or
// merges in silence (RFC 3986 leaves it open) is an error here, since a filter
// that vanishes widens the answer.
func ParseParams(raw string) (Params, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, &Error{Code: CodeInvalidRequest, Message: "query string is malformed: check its % escapes " +
			"and separate parameters by &", Err: err}
	}
	p := make(Params, len(values))
	for name, v := range values {
		if len(v) > 1 {
			return nil, Errorf(CodeInvalidRequest, "parameter %q stands %d times; want it once", clip(name), len(v))
		}
		p[name] = v[0]
	}
	return p, nil
}

// ParseQuery reads the parameters of a list of events. Names in except are
// unknown here; an unknown name is a [CodeInvalidRequest], a broken path a
// [CodeInvalidPath], any other bad value a [CodeValidationError] that lists
// every offender.
func ParseQuery(p Params, except ...string) (Query, error) {
	r := paramReader{params: p}
	q := Query{Filter: r.filter(except), Order: r.order()}
	q.Limit = r.number("limit", 1, MaxLimit)
	q.Cursor = r.text("cursor", false)
	q.Proof = r.proof()
	if n := r.fromIndex(); n != nil {
		if q.FromIndex = *n; q.Order != OrderIndex {
			r.fail("from_index", "want order=index beside it")
		}
	}
	return q, r.err()
}

// ParseStreamQuery reads the parameters of a stream.
func ParseStreamQuery(p Params) (StreamQuery, error) {
	r := paramReader{params: p}
	q := StreamQuery{Filter: r.filter(nil)}
	q.Cursor = r.text("cursor", false)
	q.Proof = r.proof()
	q.FromIndex = r.fromIndex()
	return q, r.err()
}

// ParseSummaryQuery reads the parameters of a summary.
func ParseSummaryQuery(p Params) (SummaryQuery, error) {
	r := paramReader{params: p}
	q := SummaryQuery{Filter: r.filter(nil)}
	q.Top = r.number("top", 1, MaxTop)
	if v, ok := r.take("interval"); ok {
		d, err := ParseInterval(v)
		if err != nil {
			r.fail("interval", "%s", err)
		}
		q.Interval = d
	}
	return q, r.err()
}

// ParseAccessQuery reads the parameters of a list of accesses.
func ParseAccessQuery(p Params) (AccessQuery, error) {
	r := paramReader{params: p}
	q := AccessQuery{Filter: r.filter(nil)}
	q.Limit = r.number("limit", 1, MaxLimit)
	q.Cursor = r.text("cursor", false)
	return q, r.err()
}

// ParseValuesQuery reads the parameters of a list of values.
func ParseValuesQuery(p Params) (ValuesQuery, error) {
	r := paramReader{params: p}
	q := ValuesQuery{Field: ValuesField(r.text("field", true))}
	switch q.Field {
	case FieldIdentityID, FieldSecretPath, FieldSourceIP, FieldAction, FieldUserAgent:
	default:
		r.fail("field", "want identity_id, secret_path, source_ip, action or user_agent")
	}
	q.Contains = r.text("q", true)
	q.From, q.To = r.time("from"), r.time("to")
	q.Limit = r.number("limit", 1, MaxValues)
	return q, r.err()
}
