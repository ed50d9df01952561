package api

import (
	"context"

	"github.com/scaivault/audit"
)

// Sinks is what the API needs of what sends events on to other systems. A sink
// of another tenant is like one that does not exist, an [audit.CodeNotFound].
type Sinks interface {
	Create(ctx context.Context, tenant audit.TenantID, c audit.Caller, r audit.SinkRequest) (audit.SinkStatus, error)
	List(ctx context.Context, tenant audit.TenantID) []audit.SinkStatus
	Sink(ctx context.Context, tenant audit.TenantID, name audit.SinkName) (audit.SinkStatus, error)
	// SetAside returns the latest events that a sink could not deliver, the
	// newest first.
	SetAside(tenant audit.TenantID, name audit.SinkName) ([]audit.SetAside, error)
	Remove(ctx context.Context, tenant audit.TenantID, c audit.Caller, name audit.SinkName) error
	Pause(ctx context.Context, tenant audit.TenantID, c audit.Caller, name audit.SinkName) (audit.SinkStatus, error)
	Resume(ctx context.Context, tenant audit.TenantID, c audit.Caller, name audit.SinkName,
		start audit.SinkStart) (audit.SinkStatus, error)
	// Test sends one synthetic event; an answer that is no success is no error.
	Test(ctx context.Context, tenant audit.TenantID, c audit.Caller, name audit.SinkName) (audit.SinkTest, error)
}

// wholeLog refuses principals that may see a part of the log only: what a sink
// sends, and how much of it, is about all of it.
func (r *request) wholeLog() error {
	if len(r.principal.PathPrefixes) > 0 {
		return audit.Errorf(audit.CodeAccessDenied, "sinks send the whole log; the token sees a part of it")
	}
	return nil
}

// listSinks answers GET /v1/audit/sinks.
func (s *Server) listSinks(r *request) error {
	if err := r.only(); err != nil {
		return err
	}
	if err := r.wholeLog(); err != nil {
		return err
	}
	return r.answer(statusOK, struct {
		Sinks []audit.SinkStatus `json:"sinks"`
	}{listOf(s.Sinks.List(r.Context(), r.tenant))})
}

// createSink answers POST /v1/audit/sinks.
func (s *Server) createSink(r *request) error {
	if err := r.only(); err != nil {
		return err
	}
	if err := r.wholeLog(); err != nil {
		return err
	}
	if form, err := batchForm(r.Header); err != nil || form != audit.FormJSON {
		return audit.Errorf(audit.CodeUnsupportedMediaType, "want one Content-Type, application/json, in UTF-8")
	}
	body, err := readBody(r)
	if err != nil {
		return err
	}
	if len(body) > audit.MaxSinkBody {
		return audit.Errorf(audit.CodePayloadTooLarge, "the body has more than %d bytes", audit.MaxSinkBody)
	}
	const operator = false
	wanted, err := audit.DecodeSinkRequest(body, operator)
	if err != nil {
		return err
	}
	made, err := s.Sinks.Create(r.Context(), r.tenant, r.caller(), wanted)
	if err != nil {
		return err
	}
	r.out.Header().Set("Location", r.auditURL("sinks/"+string(made.Name)))
	return r.answer(statusCreated, made)
}

// getSink answers GET /v1/audit/sinks/{name}.
func (s *Server) getSink(r *request) error {
	return r.sink(func(name audit.SinkName) (any, error) {
		return s.Sinks.Sink(r.Context(), r.tenant, name)
	})
}

// removeSink answers DELETE /v1/audit/sinks/{name} with what it was.
func (s *Server) removeSink(r *request) error {
	return r.sink(func(name audit.SinkName) (any, error) {
		was, err := s.Sinks.Sink(r.Context(), r.tenant, name)
		if err == nil {
			err = s.Sinks.Remove(r.Context(), r.tenant, r.caller(), name)
		}
		return was, err
	})
}

// pauseSink answers POST /v1/audit/sinks/{name}/pause.
func (s *Server) pauseSink(r *request) error {
	return r.sink(func(name audit.SinkName) (any, error) {
		return s.Sinks.Pause(r.Context(), r.tenant, r.caller(), name)
	})
}

// resumeSink answers POST /v1/audit/sinks/{name}/resume, which may say from
// where on.
func (s *Server) resumeSink(r *request) error {
	start, err := audit.ParseSinkStart(r.params)
	if err != nil {
		return err
	}
	clear(r.params)
	return r.sink(func(name audit.SinkName) (any, error) {
		return s.Sinks.Resume(r.Context(), r.tenant, r.caller(), name, start)
	})
}

// testSink answers POST /v1/audit/sinks/{name}/test.
func (s *Server) testSink(r *request) error {
	return r.sink(func(name audit.SinkName) (any, error) {
		ctx, cancel := context.WithTimeout(r.Context(), SinkTestTimeout)
		defer cancel()
		return s.Sinks.Test(ctx, r.tenant, r.caller(), name)
	})
}

// setAside answers GET /v1/audit/sinks/{name}/set-aside.
func (s *Server) setAside(r *request) error {
	return r.sink(func(name audit.SinkName) (any, error) {
		list, err := s.Sinks.SetAside(r.tenant, name)
		return struct {
			SetAside []audit.SetAside `json:"set_aside"`
		}{listOf(list)}, err
	})
}

// sink answers with what act makes of the sink that the path names.
func (r *request) sink(act func(audit.SinkName) (any, error)) error {
	if err := r.only(); err != nil {
		return err
	}
	if err := r.wholeLog(); err != nil {
		return err
	}
	if r.ContentLength != 0 {
		return audit.Errorf(audit.CodeInvalidRequest, "want no body here")
	}
	v, err := act(audit.SinkName(r.values["name"]))
	if err != nil {
		return err
	}
	return r.answer(statusOK, v)
}
