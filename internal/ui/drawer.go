package ui

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/scaivault/audit"
)

// drawer shows one event with every field.
type drawer struct {
	Row     row
	Says    string
	Why     string
	Fields  []field
	Extra   []span
	Raw     string // of the extra data
	Members []option
	Line    string // the canonical line
	Curl    string
	Command string
	Link    string
	Around  string // the five minutes before and after
	Request string // what else the request did; "" if it has no id
	Close   string
	Problem *problem
}

// field is one member of an event and what one can do with it.
type field struct {
	Name    string
	Value   string
	Kind    string // who, path, action, result, code or "" for text
	Only    string // address of the events with this value
	Exclude string
	Page    string // address of the page about it
	Label   string // of that page
}

// drawer reads an event; one that is out of reach is as if it did not exist.
func (s *Server) drawer(p *page, st *state, id audit.EventID) *drawer {
	d := &drawer{Close: st.url()}
	err := error(audit.Errorf(audit.CodeEventNotFound, "no event has such an id"))
	var r audit.Record
	if id.Valid() {
		r, err = s.Log.Event(p.r.Context(), p.tenant, id, p.who.PathPrefixes)
	}
	if err != nil {
		x := s.explain(err)
		x.Step, x.StepURL = "Close", d.Close
		d.Problem = &x
		return d
	}
	now := audit.TimeOf(p.now)
	d.Link = st.url("event", string(r.ID))
	d.Row = newRow(&r, now, d.Link)
	d.Says, d.Fields = says(&r.Event), fields(&r, &d.Row, st)
	if !r.Success {
		d.Why = reason(r.ExtraData)
	}
	d.Extra, d.Raw = pretty(r.ExtraData), r.ExtraData
	for _, x := range scalars(r.ExtraData) {
		d.Members = append(d.Members, option{Label: x.Key + " = " + x.Value,
			URL: st.url("extra."+x.Key, x.Value)})
	}
	d.Line = string(r.AppendLine(nil))
	d.Curl = `curl -H "Authorization: Bearer $SCAIVAULT_TOKEN" ` +
		quote(origin(p.r)+"/v1/audit/logs/"+url.PathEscape(string(r.ID)))
	d.Command = "scaivault-audit logs --json --identity-id " + quote(string(r.IdentityID)) +
		" --from " + r.Timestamp.String() + " --to " + (r.Timestamp + 1).String()
	around := within(max(0, r.Timestamp-5*audit.Minute), r.Timestamp+5*audit.Minute)
	bare := state{params: audit.Params{}}
	d.Around = bare.url(append(around, "event", string(r.ID))...)
	if r.RequestID != "" {
		day := within(max(0, r.Timestamp-audit.Day/2), r.Timestamp+audit.Day/2)
		d.Request = bare.url(append(day, "request_id", r.RequestID)...)
	}
	return d
}

// origin returns how the browser reaches this server.
func origin(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// fields lists the members of an event.
func fields(r *audit.Record, x *row, st *state) []field {
	list := []field{
		{Name: "Time", Value: x.When.Full},
		{Name: "Received", Value: newWhen(r.ReceivedAt, r.ReceivedAt).Full},
		{Name: "Action", Value: x.Action, Kind: "action",
			Only: st.only("action", x.Action), Exclude: st.only("not_action", x.Action)},
		{Name: "Identity", Value: x.Who.ID, Kind: "who", Page: x.Who.URL, Label: "Page of this identity",
			Only: st.only("identity_id", x.Who.ID), Exclude: st.only("not_identity_id", x.Who.ID)},
		{Name: "Type", Value: string(r.IdentityType), Only: st.url("identity_type", string(r.IdentityType))},
	}
	if p := x.Path; p != nil {
		list = append(list, field{Name: "Secret", Value: p.Path, Kind: "path",
			Page: p.URL, Label: "Page of this secret",
			Only:    st.url("secret_path", p.Path, "path_prefix", "", "not_path_prefix", ""),
			Exclude: st.url("secret_path", "", "path_prefix", "", "not_path_prefix", p.Path)})
	}
	if r.SourceIP != "" {
		list = append(list, field{Name: "Source IP", Value: r.SourceIP, Kind: "code",
			Only: st.only("source_ip", r.SourceIP), Exclude: st.only("not_source_ip", r.SourceIP)})
	}
	if r.UserAgent != "" {
		list = append(list, field{Name: "User agent", Value: r.UserAgent})
	}
	success := "false"
	if r.Success {
		success = "true"
	}
	list = append(list,
		field{Name: "Result", Value: x.Result, Only: st.url("success", success)},
		field{Name: "Duration", Value: x.Duration + " ms"})
	if r.RequestID != "" {
		list = append(list, field{Name: "Request", Value: r.RequestID, Kind: "code",
			Only: st.url("request_id", r.RequestID)})
	}
	return append(list,
		field{Name: "Event", Value: string(r.ID), Kind: "code"},
		field{Name: "Index", Value: number(r.Index)})
}

// quote quotes text for a POSIX shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
