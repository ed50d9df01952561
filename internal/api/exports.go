package api

import (
	"context"

	"github.com/scaivault/audit"
)

// Exports is what the API needs of the jobs that write events into buckets.
// Of each export the caller's tenant and row scope say whether it is there.
type Exports interface {
	// Create makes an export; replayed says that an earlier request with the
	// same key did.
	Create(ctx context.Context, tenant audit.TenantID, c audit.Caller,
		r audit.ExportRequest) (e audit.Export, replayed bool, err error)
	// Plan says what Create would do.
	Plan(ctx context.Context, tenant audit.TenantID, c audit.Caller,
		r audit.ExportRequest) (audit.ExportPlan, error)
	List(ctx context.Context, tenant audit.TenantID, q audit.ExportQuery) (audit.ExportPage, error)
	Export(ctx context.Context, tenant audit.TenantID, id audit.ExportID,
		scope []audit.Path) (audit.Export, error)
	Cancel(ctx context.Context, tenant audit.TenantID, c audit.Caller, id audit.ExportID) (audit.Export, error)
	Resume(ctx context.Context, tenant audit.TenantID, c audit.Caller, id audit.ExportID) (audit.Export, error)
}

// createExport answers POST /v1/audit/export.
func (s *Server) createExport(r *request) error {
	if err := r.only("dry_run"); err != nil {
		return err
	}
	dry, ok := r.params["dry_run"]
	if ok && dry != "true" && dry != "false" {
		return audit.Invalid([]audit.FieldError{{Field: "dry_run", Message: "want true or false"}})
	}
	wanted, err := exportRequest(r)
	if err != nil {
		return err
	}
	if dry == "true" {
		plan, err := s.Exports.Plan(r.Context(), r.tenant, r.caller(), wanted)
		if err != nil {
			return err
		}
		return r.answer(statusOK, plan)
	}
	e, replayed, err := s.Exports.Create(r.Context(), r.tenant, r.caller(), wanted)
	if err != nil {
		return err
	}
	h := r.out.Header()
	h.Set("Location", r.auditURL("exports/"+string(e.ID)))
	if replayed {
		h.Set("Idempotency-Replayed", "true")
	}
	return r.answer(statusAccepted, struct {
		ID               audit.ExportID     `json:"export_id"`
		Status           audit.ExportStatus `json:"status"`
		EstimatedRecords uint64             `json:"estimated_records"`
		CreatedAt        audit.Time         `json:"created_at"`
	}{e.ID, e.Status, e.EstimatedRecords, e.CreatedAt})
}

// exportRequest reads the body of a request for an export.
func exportRequest(r *request) (audit.ExportRequest, error) {
	key, err := idempotencyKey(r.Header)
	if err != nil {
		return audit.ExportRequest{}, err
	}
	if form, err := batchForm(r.Header); err != nil || form != audit.FormJSON {
		return audit.ExportRequest{}, audit.Errorf(audit.CodeUnsupportedMediaType,
			"want one Content-Type, application/json, in UTF-8")
	}
	body, err := readBody(r)
	if err != nil {
		return audit.ExportRequest{}, err
	}
	if len(body) > audit.MaxExportBody {
		return audit.ExportRequest{}, audit.Errorf(audit.CodePayloadTooLarge,
			"the body has more than %d bytes", audit.MaxExportBody)
	}
	wanted, err := audit.DecodeExportRequest(body)
	if wanted.Key = key; key != "" {
		wanted.Digest = digest(body)
	}
	return wanted, err
}

// listExports answers GET /v1/audit/exports.
func (s *Server) listExports(r *request) error {
	q, err := audit.ParseExportQuery(r.params)
	if err != nil {
		return err
	}
	q.Within = r.principal.PathPrefixes
	binding := q.Binding()
	if q.After, err = s.cursor(r, q.Cursor, binding); err != nil {
		return err
	}
	page, err := s.Exports.List(r.Context(), r.tenant, q)
	if err != nil {
		return err
	}
	rows, err := encode(listOf(page.Exports))
	if err != nil {
		return err
	}
	body := append([]byte(`{"exports":`), rows...)
	r.write(statusOK, append(s.appendNext(body, r, page.Next, binding), '}'))
	return nil
}

// getExport answers GET /v1/audit/exports/{id}.
func (s *Server) getExport(r *request) error {
	return r.export(func(id audit.ExportID) (audit.Export, error) {
		return s.Exports.Export(r.Context(), r.tenant, id, r.principal.PathPrefixes)
	})
}

// cancelExport answers DELETE /v1/audit/exports/{id}.
func (s *Server) cancelExport(r *request) error {
	return r.export(func(id audit.ExportID) (audit.Export, error) {
		return s.Exports.Cancel(r.Context(), r.tenant, r.caller(), id)
	})
}

// resumeExport answers POST /v1/audit/exports/{id}/resume.
func (s *Server) resumeExport(r *request) error {
	return r.export(func(id audit.ExportID) (audit.Export, error) {
		return s.Exports.Resume(r.Context(), r.tenant, r.caller(), id)
	})
}

// export answers with what act makes of the export that the path names.
func (r *request) export(act func(audit.ExportID) (audit.Export, error)) error {
	if err := r.only(); err != nil {
		return err
	}
	if r.ContentLength != 0 {
		return audit.Errorf(audit.CodeInvalidRequest, "want no body here")
	}
	e, err := act(audit.ExportID(r.values["id"]))
	if err != nil {
		return err
	}
	return r.answer(statusOK, e)
}

// caller returns who asks, for what is done on their behalf.
func (r *request) caller() audit.Caller {
	token, _ := bearer(r.Header) // the request was admitted with it
	return audit.Caller{Principal: r.principal, Bearer: token, RequestID: r.id}
}

// auditURL returns the URL of what lies below /v1/audit/, by the way that the
// request came.
func (r *request) auditURL(rest string) string {
	base := auditRoutes
	if tenant, ok := r.values["tenant_id"]; ok {
		base = "/v1/t/" + tenant + "/audit/"
	}
	return base + rest
}
