package ui

import (
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"

	"github.com/scaivault/audit"
)

// wizardPage asks what to export and where to, then shows what would happen.
type wizardPage struct {
	frame
	Form     exportForm
	Chips    []chip
	Span     string
	Explore  string // where the filter can be changed
	Plan     *planView
	Problems []audit.FieldError
	Problem  *problem
	Types    []choice
	Formats  []choice
	Squeezes []choice
}

// exportForm are the fields of the wizard as they were sent.
type exportForm struct {
	Filter, Format, Compression, Type, Bucket, Prefix, Credentials, Key string
}

type choice struct {
	Value, Label, Note string
	On                 bool
}

type planView struct {
	Count, Size, Parts string
	Checks             []audit.ExportCheck
	OK                 bool
}

// wizard answers GET /ui/exports/new: the form, with the filter of Explore. A
// relative range is made absolute: what is exported is what the form shows.
func (s *Server) wizard(p *page) error {
	if err := p.may(audit.ScopeExport); err != nil {
		return err
	}
	filter := p.r.URL.RawQuery
	if st := readState(filter, p.now); st.err == nil && st.params["range"] != "" {
		filter = strings.TrimPrefix(st.search(within(st.period.From, st.period.To)...), "?")
	}
	form := exportForm{Filter: filter, Format: "jsonl", Compression: "zstd", Type: "s3"}
	s.showWizard(p, http.StatusOK, &wizardPage{Form: form})
	return nil
}

func (s *Server) showWizard(p *page, status int, x *wizardPage) {
	x.frame = p.frame("New export", "exports")
	st := readState(x.Form.Filter, p.now)
	x.Chips, x.Explore = st.chips(), st.url()
	if f, err := filterOf(x.Form.Filter); err == nil {
		x.Span = between(f.From, f.To)
	}
	mark := func(on string, list ...choice) []choice {
		for i := range list {
			list[i].On = list[i].Value == on
		}
		return list
	}
	x.Formats = mark(x.Form.Format, choice{"jsonl", "JSON Lines", "as signed", false},
		choice{"csv", "CSV", "spreadsheets", false}, choice{"parquet", "Parquet", "warehouses", false})
	x.Squeezes = mark(x.Form.Compression, choice{"zstd", "zstd", "smallest", false},
		choice{"gzip", "gzip", "opens everywhere", false}, choice{"none", "none", "and for Parquet", false})
	x.Types = mark(x.Form.Type, choice{"s3", "Amazon S3", "", false}, choice{"gcs", "Google Cloud", "", false},
		choice{"azure_blob", "Azure Blob", "", false}, choice{"file", "Directory", "", false})
	s.render(p.w, p.r, status, "wizard", x)
}

// plan answers POST /ui/exports/new: the dry run.
func (s *Server) plan(p *page) error {
	wanted, x, err := p.wanted()
	if err == nil {
		var plan audit.ExportPlan
		if plan, err = s.Exports.Plan(p.r.Context(), p.tenant, p.caller(), wanted); err == nil {
			x.Plan = &planView{number(plan.EstimatedRecords), size(plan.EstimatedBytes),
				number(plan.EstimatedParts), plan.Checks, true}
			for _, c := range plan.Checks {
				x.Plan.OK = x.Plan.OK && c.OK
			}
			x.Form.Key = newSecret().String()
		}
	}
	return s.answerForm(p, x, err)
}

// createExport answers POST /ui/exports. The key makes the form, sent twice,
// one export.
func (s *Server) createExport(p *page) error {
	wanted, x, err := p.wanted()
	if err == nil {
		var e audit.Export
		if e, _, err = s.Exports.Create(p.r.Context(), p.tenant, p.caller(), wanted); err == nil {
			http.Redirect(p.w, p.r, exportURL(e.ID), http.StatusSeeOther)
			return nil
		}
	}
	return s.answerForm(p, x, err)
}

// answerForm shows the form again, with what is wrong with it.
func (s *Server) answerForm(p *page, x *wizardPage, err error) error {
	if x == nil {
		return err
	}
	status := http.StatusOK
	if err != nil {
		problem := s.explain(err)
		problem.Step, problem.StepURL = "", ""
		x.Problem, status = &problem, problem.Status
		if e, ok := errors.AsType[*audit.Error](err); ok && len(e.Fields) > 0 {
			x.Problems, problem.Detail = e.Fields, ""
			problem.Head, problem.Text = "Some fields are not right", "Nothing was exported."
		}
	}
	s.showWizard(p, status, x)
	return nil
}

// wanted reads the form and makes the request of it, by the rules of the API.
func (p *page) wanted() (r audit.ExportRequest, x *wizardPage, err error) {
	if err := p.may(audit.ScopeExport); err != nil {
		return r, nil, err
	}
	field := func(name string) string { return strings.TrimSpace(p.r.PostFormValue(name)) }
	x = &wizardPage{Form: exportForm{
		Filter: field("filter"), Format: field("format"), Compression: field("compression"),
		Type: field("type"), Bucket: field("bucket"), Prefix: field("prefix"),
		Credentials: field("credentials_path"), Key: field("key"),
	}}
	r.Filter, err = filterOf(x.Form.Filter)
	if err != nil {
		return r, x, err
	}
	if x.Form.Format == string(audit.FormatParquet) {
		x.Form.Compression = string(audit.CompressionNone)
	}
	r.Format, r.Compression = audit.ExportFormat(x.Form.Format), audit.Compression(x.Form.Compression)
	r.Destination = audit.Destination{Type: audit.DestinationType(x.Form.Type), Bucket: x.Form.Bucket,
		Prefix: x.Form.Prefix}
	r.CredentialsPath = audit.Path(x.Form.Credentials)
	body, err := r.MarshalJSON()
	if err != nil {
		return r, x, err
	}
	if r, err = audit.DecodeExportRequest(string(body)); err != nil {
		return r, x, err
	}
	if len(x.Form.Key) == len(secret{}.String()) { // as the dry run made it
		r.Key = x.Form.Key
		r.Digest = sha256.Sum256(body)
	}
	return r, x, nil
}

// filterOf reads the filter of an export from the state of a page. Its range is
// absolute; a relative one alone is refused, as it would be the whole log.
func filterOf(raw string) (audit.Filter, error) {
	params, err := audit.ParseParams(raw)
	if err != nil {
		return audit.Filter{}, err
	}
	for _, name := range append([]string{"order"}, ofPage...) {
		delete(params, name)
	}
	if params["from"] != "" || params["to"] != "" {
		delete(params, "range")
	}
	q, err := audit.ParseQuery(params)
	return q.Filter, err
}
