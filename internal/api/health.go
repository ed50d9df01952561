package api

import (
	"context"

	"github.com/scaivault/audit"
)

// Check is one thing that must work for the service to be ready.
type Check struct {
	Name string
	// Run returns figures about the thing, which end up in JSON, and an error
	// if it does not work.
	// They may tell how much a log holds, so they are of the tenant alone; ""
	// is the whole server.
	Run func(ctx context.Context, tenant audit.TenantID) (figures map[string]any, err error)
}

// Version says which program this is.
type Version struct {
	Version   string `json:"version"`
	Commit    string `json:"commit"`
	BuildDate string `json:"build_date"`
	GoVersion string `json:"go_version"`
}

// health answers GET /v1/health: the process is alive.
func (s *Server) health(r *request) error {
	if err := r.only(); err != nil {
		return err
	}
	return r.answer(statusOK, struct {
		Status    string     `json:"status"`
		Timestamp audit.Time `json:"timestamp"`
	}{"healthy", audit.TimeOf(s.Clock())})
}

// version answers GET /v1/version.
func (s *Server) version(r *request) error {
	if err := r.only(); err != nil {
		return err
	}
	return r.answer(statusOK, s.Version)
}

// readiness is what the checks say.
type readiness struct {
	Status string            `json:"status"`
	Checks map[string]string `json:"checks"`
	Errors map[string]string `json:"errors,omitempty"`

	figures map[string]map[string]any
}

// ready answers GET /v1/health/ready: the service can do its work.
func (s *Server) ready(r *request) error {
	if err := r.only(); err != nil {
		return err
	}
	ready, status := s.check(r)
	return r.answer(status, ready)
}

// detailed answers GET /v1/health/detailed.
func (s *Server) detailed(r *request) error {
	if err := r.only(); err != nil {
		return err
	}
	ready, status := s.check(r)
	if len(r.principal.PathPrefixes) > 0 { // figures count rows that the principal may not see
		clear(ready.figures)
	}
	return r.answer(status, struct {
		readiness
		Version string                    `json:"version"`
		Uptime  int64                     `json:"uptime_seconds"`
		Figures map[string]map[string]any `json:"figures"`
	}{ready, s.Version.Version, int64(s.Clock().Sub(s.started).Seconds()), ready.figures})
}

// figuresOf returns whose figures a request may see: those of its tenant, or ""
// for all of the server, which is a super admin's.
func figuresOf(r *request) audit.TenantID {
	if r.principal == nil || r.principal.Is(audit.RoleSuperAdmin) {
		return ""
	}
	return r.tenant
}

// check runs the checks. Of an error only what clients may know is told, as
// anyone may ask.
func (s *Server) check(r *request) (readiness, int) {
	ready := readiness{
		Status:  "ready",
		Checks:  make(map[string]string),
		figures: make(map[string]map[string]any),
	}
	for _, c := range s.Checks {
		figures, err := c.Run(r.Context(), figuresOf(r))
		if figures != nil {
			ready.figures[c.Name] = figures
		}
		if ready.Checks[c.Name] = "ok"; err == nil {
			continue
		}
		s.Logger.ErrorContext(r.Context(), "check failed", "check", c.Name, "request_id", r.id, "error", err)
		if ready.Errors == nil {
			ready.Errors = make(map[string]string)
		}
		ready.Checks[c.Name] = "failed"
		ready.Errors[c.Name] = message(err)
	}
	if ready.Errors == nil {
		return ready, statusOK
	}
	ready.Status = "not_ready"
	return ready, r.unavailable()
}
