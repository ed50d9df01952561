package audit

import (
	"net/url"
	"strconv"
	"strings"
)

// values is the inverse of paramReader.filter; Within is not part of it.
func (f *Filter) values() url.Values {
	v := url.Values{}
	set := func(name, value string) {
		if value != "" {
			v.Set(name, value)
		}
	}
	if f.From != nil {
		set("from", f.From.String())
	}
	if f.To != nil {
		set("to", f.To.String())
	}
	set("action", join(f.Actions))
	set("identity_id", string(f.IdentityID))
	set("identity_type", string(f.IdentityType))
	set("secret_path", string(f.SecretPath))
	set("path_prefix", string(f.PathPrefix))
	if f.Success != nil {
		set("success", strconv.FormatBool(*f.Success))
	}
	set("source_ip", join(f.SourceIPs))
	set("request_id", f.RequestID)
	set("not_action", join(f.NotActions))
	set("not_identity_id", string(f.NotIdentityID))
	set("not_path_prefix", string(f.NotPathPrefix))
	set("not_source_ip", join(f.NotSourceIPs))
	for _, x := range f.Extra {
		v.Set(extraPrefix+x.Key, x.Value)
	}
	return v
}

func join[S ~string](list []S) string {
	s := make([]string, len(list))
	for i, v := range list {
		s[i] = string(v)
	}
	return strings.Join(s, ",")
}

// String returns the query as a raw query string; [ParseParams] and
// [ParseQuery] read it back.
func (q *Query) String() string {
	v := q.values()
	if q.Order != "" && q.Order != OrderDesc {
		v.Set("order", string(q.Order))
	}
	if q.FromIndex > 0 {
		v.Set("from_index", strconv.FormatUint(q.FromIndex, 10))
	}
	setPage(v, q.Limit, q.Cursor)
	if q.Proof {
		v.Set("include", "proof")
	}
	return v.Encode()
}

// String returns the query as a raw query string for [ParseStreamQuery].
func (q *StreamQuery) String() string {
	v := q.values()
	if q.FromIndex != nil {
		v.Set("from_index", strconv.FormatUint(*q.FromIndex, 10))
	}
	setPage(v, 0, q.Cursor)
	if q.Proof {
		v.Set("include", "proof")
	}
	return v.Encode()
}

// String returns the query as a raw query string for [ParseSummaryQuery].
func (q *SummaryQuery) String() string {
	v := q.values()
	if q.Interval > 0 {
		v.Set("interval", formatInterval(q.Interval))
	}
	if q.Top > 0 {
		v.Set("top", strconv.Itoa(q.Top))
	}
	return v.Encode()
}

// String returns the query as a raw query string for [ParseAccessQuery].
func (q *AccessQuery) String() string {
	v := q.values()
	setPage(v, q.Limit, q.Cursor)
	return v.Encode()
}

// String returns the query as a raw query string for [ParseValuesQuery].
func (q *ValuesQuery) String() string {
	v := (&Filter{From: q.From, To: q.To}).values()
	v.Set("field", string(q.Field))
	if q.Contains != "" {
		v.Set("q", q.Contains)
	}
	setPage(v, q.Limit, "")
	return v.Encode()
}

func setPage(v url.Values, limit int, cursor string) {
	if limit > 0 {
		v.Set("limit", strconv.Itoa(limit))
	}
	if cursor != "" {
		v.Set("cursor", cursor)
	}
}
