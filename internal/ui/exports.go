package ui

import (
	"net/http"
	"path"
	"strings"

	"github.com/scaivault/audit"
)

// exportRow is an export as pages show it.
type exportRow struct {
	ID, URL, Status string
	Running, Failed bool
	Percent         int
	Place           *secretPath // bucket and prefix
	Type            string
	Format          string
	Count, Of, Size string
	By              *identity
	Created         when
	Filters         string
	Span            string
	Manifest        string
	Problem         string
	Files           []exportFile
	Cancel          bool
}

type exportFile struct {
	Dir, Name, Count, Size, SHA256 string
}

// exportsPage lists exports.
type exportsPage struct {
	frame
	Rows []exportRow
	Busy bool
	More string
	Here string
}

// exportPage shows one export.
type exportPage struct {
	frame
	Job exportRow
}

// exports answers GET /ui/exports.
func (s *Server) exports(p *page) error {
	if err := p.may(audit.ScopeExport); err != nil {
		return err
	}
	q := audit.ExportQuery{Limit: 50, Within: p.who.PathPrefixes}
	if c := p.r.URL.Query().Get("cursor"); c != "" {
		var err error
		if q.After, err = s.CursorKey.Open(c, p.tenant, q.Binding(), p.now); err != nil {
			return err
		}
	}
	found, err := s.Exports.List(p.r.Context(), p.tenant, q)
	if err != nil {
		return err
	}
	x := &exportsPage{frame: p.frame("Exports", "exports"), Here: p.r.URL.RequestURI()}
	for i := range found.Exports {
		row := newExportRow(&found.Exports[i], x.Now)
		x.Busy = x.Busy || row.Running
		x.Rows = append(x.Rows, row)
	}
	if found.Next != nil {
		x.More = "/ui/exports?cursor=" + s.CursorKey.Seal(*found.Next, p.tenant, q.Binding(), p.now)
	}
	s.part(p, "exports", x)
	return nil
}

// export answers GET /ui/exports/{id}.
func (s *Server) export(p *page) error {
	if err := p.may(audit.ScopeExport); err != nil {
		return err
	}
	id := audit.ExportID(p.r.PathValue("id"))
	e, err := s.Exports.Export(p.r.Context(), p.tenant, id, p.who.PathPrefixes)
	if err != nil {
		return err
	}
	f := p.frame(string(e.ID), "exports")
	s.part(p, "export", &exportPage{frame: f, Job: newExportRow(&e, f.Now)})
	return nil
}

// part renders the whole page, or for htmx the part of it that changes.
func (s *Server) part(p *page, name string, data any) {
	if p.fragment() {
		name += "-part"
	}
	s.render(p.w, p.r, http.StatusOK, name, data)
}

// cancelExport answers POST /ui/exports/{id}/cancel.
func (s *Server) cancelExport(p *page) error {
	if err := p.may(audit.ScopeExport); err != nil {
		return err
	}
	e, err := s.Exports.Cancel(p.r.Context(), p.tenant, p.caller(), audit.ExportID(p.r.PathValue("id")))
	if err != nil {
		return err
	}
	http.Redirect(p.w, p.r, exportURL(e.ID), http.StatusSeeOther)
	return nil
}

// caller returns who asks, for what is done on their behalf.
func (p *page) caller() audit.Caller {
	id := "req_" + newSecret().String()[:24]
	return audit.Caller{Principal: p.who, Bearer: p.session.token, RequestID: id}
}

func exportURL(id audit.ExportID) string { return "/ui/exports/" + string(id) }

func newExportRow(e *audit.Export, now audit.Time) exportRow {
	x := exportRow{
		ID: string(e.ID), URL: exportURL(e.ID), Status: string(e.Status), Running: !e.Status.Final(),
		Cancel: !e.Status.Final(), Failed: e.Status == audit.ExportFailed,
		Percent: int(100 * e.Progress), Type: string(e.Destination.Type), Format: string(e.Format),
		Count: number(e.RecordCount), Of: number(e.EstimatedRecords), Size: size(uint64(e.SizeBytes)),
		By: newIdentity(e.CreatedBy, ""), Created: newWhen(e.CreatedAt, now),
		Place: newPath(audit.Path(strings.Trim(path.Join(e.Destination.Bucket, e.Destination.Prefix), "/"))),
	}
	if e.Compression != audit.CompressionNone && e.Compression != "" {
		x.Format += "." + string(e.Compression)
	}
	q := audit.Query{Filter: audit.Filter(e.Filters)}
	q.From, q.To, q.Within = nil, nil, nil
	x.Filters, x.Span = q.String(), between(e.From, e.To)
	if e.ManifestKey != nil {
		x.Manifest = *e.ManifestKey
	}
	if e.Error != nil {
		x.Problem = e.Error.Message
	}
	for _, f := range e.Files {
		dir, name := path.Split(f.Key)
		x.Files = append(x.Files, exportFile{dir, name, number(f.RecordCount), size(uint64(f.SizeBytes)),
			f.SHA256})
	}
	return x
}

// between writes a range of which either end may be open.
func between(from, to *audit.Time) string {
	switch {
	case from == nil && to == nil:
		return "the whole log"
	case from == nil:
		return "until " + newWhen(*to, *to).Full
	case to == nil:
		return "since " + newWhen(*from, *from).Full
	}
	return newWhen(*from, *from).Full + " to " + newWhen(*to, *to).Full
}
