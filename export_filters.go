package audit

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// MaxExportFilters is the longest text of an export's filters in bytes, as
// long as the query that lists the same events may be.
const MaxExportFilters = 8 << 10

// ExportFilters is a filter as exports write it: a JSON object with the names
// and values of a query, but that success is a boolean. Lists are written with
// commas and read as arrays too. From, To and Within are not part of it.
type ExportFilters Filter

// MarshalJSON returns the object, its names in order.
func (f ExportFilters) MarshalJSON() ([]byte, error) {
	v := (*Filter)(&f).values()
	v.Del("from")
	v.Del("to")
	b := []byte{'{'}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(AppendString(b, name), ':')
		if name == "success" {
			b = append(b, v.Get(name)...)
		} else {
			b = AppendString(b, v.Get(name))
		}
	}
	return append(b, '}'), nil
}

// UnmarshalJSON reads the object as strictly as the body of a request.
func (f *ExportFilters) UnmarshalJSON(b []byte) error {
	text := string(b)
	if err := checkSyntax(text); err != nil {
		return err
	}
	members, err := objectMembers(text)
	if err != nil {
		return err
	}
	read, bad := readFilters(members, Params{})
	*f = ExportFilters(read)
	return Invalid(bad)
}

// readFilters reads the members of filters, which are canonical JSON by name,
// and the period, which stands beside them.
func readFilters(members map[string]string, period Params) (Filter, []FieldError) {
	var bad []FieldError
	fail := func(name, message string) {
		bad = append(bad, FieldError{Field: "filters." + clip(name), Message: message})
	}
	r := paramReader{params: maps.Clone(period), body: true}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		value, rule := filterValue(name, members[name])
		switch {
		case name == "from" || name == "to":
			fail(name, "want it beside filters, not among them")
		case rule != "":
			fail(name, rule)
		default:
			r.params[name] = value
		}
	}
	f := r.filter(nil)
	for _, name := range r.unknown() {
		fail(name, "is no filter; want some of "+strings.Join(r.taken[2:], ", ")) // without from and to
	}
	for _, e := range r.fields {
		if e.Field == "from" || e.Field == "to" {
			bad = append(bad, e)
		} else {
			fail(e.Field, e.Message)
		}
	}
	return f, bad
}

// filterValue returns the text that a parameter of that name would have, or
// the rule that the JSON value breaks.
func filterValue(name, raw string) (value, rule string) {
	switch name {
	case "success":
		if raw != "true" && raw != "false" {
			return "", "want true or false, without quotes"
		}
		return raw, ""
	case "action", "not_action", "source_ip", "not_source_ip":
		if raw[0] == '[' {
			return listValue(raw)
		}
	}
	if raw[0] == '"' {
		return unquote(raw), ""
	}
	if strings.HasPrefix(name, extraPrefix) {
		if text, ok := scalar([]byte(raw)); ok {
			return text, ""
		}
		return "", "want a string, a number or a boolean"
	}
	return "", "want a string"
}

// listValue returns the comma list of an array of strings.
func listValue(raw string) (value, rule string) {
	var values []string
	s := strict{text: raw}
	for s.open(); s.peek() != ']'; {
		if s.peek() != '"' {
			return "", "want strings in the array"
		}
		values = append(values, s.string())
	}
	if len(values) == 0 {
		return "", "want at least one value in the array"
	}
	return strings.Join(values, ","), ""
}

// bodyReader takes the members of an object in a request's body one by one,
// and gathers what is wrong with them.
type bodyReader struct {
	name    string            // of the object, with a dot at its end; "" for the body
	members map[string]string // canonical JSON by name, those that are not yet taken
	known   []string          // names that were asked for
	bad     *[]FieldError
}

// fail notes what is wrong with a member, the first thing of each.
func (b *bodyReader) fail(name, message string) {
	e := FieldError{Field: b.name + clip(name), Message: message}
	if !slices.ContainsFunc(*b.bad, func(x FieldError) bool { return x.Field == e.Field }) {
		*b.bad = append(*b.bad, e)
	}
}

// take returns a member; null is like none.
func (b *bodyReader) take(name string) (raw string, ok bool) {
	raw, ok = b.members[name]
	delete(b.members, name)
	b.known = append(b.known, name)
	return raw, ok && raw != "null"
}

// text returns a string of printable characters.
func (b *bodyReader) text(name string) (text string, ok bool) {
	raw, ok := b.take(name)
	if !ok {
		return "", false
	}
	if raw[0] != '"' {
		b.fail(name, "want a string")
		return "", false
	}
	if text = unquote(raw); !printable(text) {
		b.fail(name, "want printable characters")
		return "", false
	}
	return text, true
}

// number returns an integer from least to most, and otherwise if there is none.
func (b *bodyReader) number(name string, least, most, otherwise int) int {
	raw, ok := b.take(name)
	if !ok {
		return otherwise
	}
	n, ok := digits(raw, most)
	if !ok || n < least {
		b.fail(name, "want an integer from "+strconv.Itoa(least)+" to "+strconv.Itoa(most))
	}
	return n
}

// object returns a reader of an object within this one, and nil if there is
// none. Its members are strict JSON, since the whole body is.
func (b *bodyReader) object(name string) *bodyReader {
	raw, ok := b.take(name)
	if !ok {
		return nil
	}
	if raw[0] != '{' {
		b.fail(name, "want an object")
		return nil
	}
	members, _ := objectMembers(raw)
	return &bodyReader{name: b.name + name + ".", members: members, bad: b.bad}
}

// end lists the members that nobody took.
func (b *bodyReader) end() {
	for _, name := range slices.Sorted(maps.Keys(b.members)) {
		b.fail(name, "is unknown; want some of "+strings.Join(b.known, ", "))
	}
}
