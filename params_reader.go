package audit

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// paramReader takes parameters one by one and gathers what is wrong with them.
type paramReader struct {
	params  Params
	taken   []string
	fields  []FieldError
	badPath error // the first broken path
	body    bool  // the values stand in a body: a broken path is one of the fields
}

func (r *paramReader) fail(name, format string, args ...any) {
	r.fields = append(r.fields, FieldError{Field: name, Message: fmt.Sprintf(format, args...)})
}

// take returns a parameter and marks its name as known.
func (r *paramReader) take(name string) (string, bool) {
	r.taken = append(r.taken, name)
	v, ok := r.params[name]
	return v, ok
}

// err returns the error of the whole query: a name that nobody took, else a
// broken path, else the bad values.
func (r *paramReader) err() error {
	if unknown := r.unknown(); len(unknown) > 0 {
		for i, name := range unknown {
			unknown[i] = strconv.Quote(clip(name))
		}
		return Errorf(CodeInvalidRequest, "unknown parameter %s; known here: %s",
			strings.Join(unknown, ", "), strings.Join(r.taken, ", "))
	}
	if r.badPath != nil {
		return r.badPath
	}
	return Invalid(r.fields)
}

// unknown returns the names that nobody took, in order.
func (r *paramReader) unknown() []string {
	var names []string
	for name := range r.params {
		if !slices.Contains(r.taken, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (r *paramReader) filter(except []string) Filter {
	var f Filter
	known := func(name string) bool { return !slices.Contains(except, name) }
	f.From, f.To = r.time("from"), r.time("to")
	f.Actions = r.actions("action")
	if known("identity_id") {
		f.IdentityID = r.identity("identity_id")
	}
	if v, ok := r.take("identity_type"); ok {
		if f.IdentityType = IdentityType(v); !f.IdentityType.Known() {
			r.fail("identity_type", "want user, service_account, group or system")
		}
	}
	if known("secret_path") {
		f.SecretPath = r.path("secret_path", ParsePath)
	}
	f.PathPrefix = r.path("path_prefix", ParsePrefix)
	f.Success = r.boolean("success")
	f.SourceIPs = r.ips("source_ip")
	if v, ok := r.take("request_id"); ok {
		if f.RequestID = v; v == "" || requestIDRule(v) != "" {
			r.fail("request_id", "want 1 to %d characters", MaxRequestID)
		}
	}
	f.NotActions = r.actions("not_action")
	f.NotIdentityID = r.identity("not_identity_id")
	f.NotPathPrefix = r.path("not_path_prefix", ParsePrefix)
	f.NotSourceIPs = r.ips("not_source_ip")
	f.Extra = r.extra()
	return f
}

func (r *paramReader) text(name string, valid bool) string {
	v, ok := r.take(name)
	if ok && !valid && v == "" || !printable(v) {
		r.fail(name, "want printable characters")
	}
	return v
}

func (r *paramReader) time(name string) *Time {
	v, ok := r.take(name)
	if !ok {
		return nil
	}
	t, err := ParseTime(v)
	if err != nil {
		r.fail(name, "%s", err)
	}
	return &t
}

func (r *paramReader) list(name string) []string {
	v, ok := r.take(name)
	if !ok {
		return nil
	}
	values := strings.Split(v, ",")
	if len(values) > MaxListValues {
		r.fail(name, "want at most %d values", MaxListValues)
		return nil
	}
	slices.Sort(values)
	return slices.Compact(values)
}

func (r *paramReader) actions(name string) []Action {
	var known []Action
	var unknown []string
	for _, v := range r.list(name) {
		if a := Action(v); a.Known() {
			known = append(known, a)
		} else {
			unknown = append(unknown, strconv.Quote(clip(v)))
		}
	}
	if len(unknown) > 0 {
		r.fail(name, "unknown action %s; want some of %s", strings.Join(unknown, ", "), actionList())
	}
	return known
}

func (r *paramReader) ips(name string) []string {
	var ips []string
	for _, v := range r.list(name) {
		ip, err := ParseIP(v)
		if err != nil {
			r.fail(name, "%s", err)
		}
		ips = append(ips, ip)
	}
	slices.Sort(ips)
	return slices.Compact(ips)
}

func (r *paramReader) identity(name string) IdentityID {
	v, ok := r.take(name)
	if ok {
		if rule := identityRule(v); rule != "" {
			r.fail(name, "%s", rule)
		}
	}
	return IdentityID(v)
}

func (r *paramReader) path(name string, parse func(string) (Path, error)) Path {
	v, ok := r.take(name)
	if !ok {
		return ""
	}
	p, err := parse(v)
	if err == nil {
		return p
	}
	e := err.(*Error)
	if r.body {
		r.fail(name, "%s", e.Message)
	} else if r.badPath == nil {
		r.badPath = Errorf(e.Code, "%s: %s", name, e.Message)
	}
	return ""
}

func (r *paramReader) boolean(name string) *bool {
	v, ok := r.take(name)
	if !ok {
		return nil
	}
	b := v == "true"
	if !b && v != "false" {
		r.fail(name, "want true or false")
	}
	return &b
}

func (r *paramReader) number(name string, least, most int) int {
	v, ok := r.take(name)
	if !ok {
		return 0
	}
	n, ok := digits(v, most)
	if !ok || n < least {
		r.fail(name, "want an integer from %d to %d", least, most)
	}
	return n
}

// digits reads a decimal integer without sign and leading zeros, at most most.
func digits(s string, most int) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && 0 <= n && n <= most && strconv.Itoa(n) == s
}

func (r *paramReader) proof() bool {
	v, ok := r.take("include")
	if ok && v != "proof" {
		r.fail("include", "want proof")
	}
	return ok
}

func (r *paramReader) fromIndex() *uint64 {
	v, ok := r.take("from_index")
	if !ok {
		return nil
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil || n > MaxIndex || strconv.FormatUint(n, 10) != v {
		r.fail("from_index", "want an integer from 0 to %d", uint64(MaxIndex))
		return nil
	}
	return &n
}

func (r *paramReader) order() Order {
	v, ok := r.take("order")
	if !ok {
		return OrderDesc
	}
	switch o := Order(v); o {
	case OrderDesc, OrderAsc, OrderIndex:
		return o
	}
	r.fail("order", "want desc, asc or index")
	return OrderDesc
}

const extraPrefix = "extra."

func (r *paramReader) extra() []ExtraFilter {
	var filters []ExtraFilter
	r.taken = append(r.taken, extraPrefix+"KEY")
	for _, name := range slices.Sorted(maps.Keys(r.params)) {
		key, ok := strings.CutPrefix(name, extraPrefix)
		if !ok {
			continue
		}
		v, _ := r.take(name)
		if key == "" || !printable(key) || !utf8.ValidString(v) ||
			len(key) > MaxExtraData || len(v) > MaxExtraData {
			r.fail(strings.Trim(strconv.Quote(clip(name)), `"`), "want a member of extra_data and its value")
			continue
		}
		filters = append(filters, ExtraFilter{Key: key, Value: v})
	}
	return filters
}
