package api

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/scaivault/audit"
)

// request is one request on its way, and what is known about it so far.
type request struct {
	*http.Request
	out       output
	id        string // as in the X-Request-ID header
	route     *route
	values    map[string]string // of the names in the route's pattern
	params    audit.Params
	principal *audit.Principal // nil where no token is asked for
	tenant    audit.TenantID   // whose log is meant
	code      audit.Code       // of the error that was answered, and
	err       error            // the error itself, for the server's log
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	started := s.Clock()
	r := &request{Request: hr, out: output{ResponseWriter: w}, id: s.requestID(hr)}
	h := w.Header()
	h.Set("X-Request-ID", r.id)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	defer func() {
		v := recover()
		if v != nil {
			v = r.recovered(v)
		}
		s.log(r, s.Clock().Sub(started))
		if v != nil {
			panic(v)
		}
	}()
	if err := s.serve(r); err != nil {
		r.fail(err)
	}
}

// recovered answers a request whose handler panicked, or returns what makes
// net/http cut the connection if an answer has begun.
func (r *request) recovered(v any) any {
	if v == http.ErrAbortHandler {
		return v
	}
	err := fmt.Errorf("panic: %v\n%s", v, debug.Stack())
	if r.out.status != 0 {
		r.code, r.err = audit.CodeInternal, err
		return http.ErrAbortHandler
	}
	r.fail(err)
	return nil
}

// serve takes a request through the checks, cheap and public ones first, to
// its handler. Who asks and what they may is settled before any parameter is
// looked at.
func (s *Server) serve(r *request) error {
	if len(r.RequestURI) > MaxURL {
		return audit.Errorf(audit.CodeURITooLong, "the URL is longer than %d bytes", MaxURL)
	}
	var allow []string
	r.route, r.values, allow = find(s.routes, r.Method, r.URL.EscapedPath())
	if r.route == nil {
		if len(allow) == 0 {
			return audit.Errorf(audit.CodeNotFound, "no such path; check its slashes and escapes, none are cleaned")
		}
		r.out.Header().Set("Allow", strings.Join(allow, ", "))
		return audit.Errorf(audit.CodeMethodNotAllowed, "want %s here", strings.Join(allow, " or "))
	}
	if r.route.scope != noToken {
		if err := s.admit(r); err != nil {
			return err
		}
	}
	if r.route.method == http.MethodGet {
		if r.ContentLength != 0 {
			return audit.Errorf(audit.CodeInvalidRequest, "want no body here")
		}
	}
	if r.route.method == http.MethodGet && r.route.class != streaming {
		ctx, cancel := context.WithTimeout(r.Context(), QueryTimeout)
		defer cancel()
		r.Request = r.WithContext(ctx)
	}
	var err error
	if r.params, err = audit.ParseParams(r.URL.RawQuery); err != nil {
		return err
	}
	return r.route.handle(s, r)
}

// admit lets a request pass whose token is good, not used too often, and
// allowed to do this to that tenant.
func (s *Server) admit(r *request) error {
	token, err := bearer(r.Header)
	if err != nil {
		return err
	}
	if r.principal, err = s.Auth.Authenticate(r.Context(), token); err != nil {
		return err
	}
	if err := s.limit(r); err != nil {
		return err
	}
	if r.tenant, err = s.selectTenant(r); err != nil {
		return err
	}
	return r.authorized()
}

// authorized checks that the principal may do what the route does.
func (r *request) authorized() error {
	if scope := r.route.scope; scope != anyToken && !r.principal.May(scope) {
		return audit.Errorf(audit.CodeInsufficientScope, "the token lacks the scope %q", scope)
	}
	return nil
}

// bearer returns the token of the Authorization header (RFC 6750, section 2.1).
// Two such headers are refused: a proxy may have checked the other one.
func bearer(h http.Header) (string, error) {
	headers := h.Values("Authorization")
	if len(headers) > 1 {
		return "", audit.Errorf(audit.CodeTokenInvalid, "want one Authorization header, not %d", len(headers))
	}
	scheme, token, _ := strings.Cut(h.Get("Authorization"), " ")
	token = strings.TrimLeft(token, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", audit.Errorf(audit.CodeAuthenticationRequired, "want the header Authorization: Bearer TOKEN")
	}
	return token, nil
}

// only refuses every parameter that is not among names.
func (r *request) only(names ...string) error {
	var unknown []string
	for name := range r.params {
		if !slices.Contains(names, name) {
			unknown = append(unknown, strconv.Quote(name))
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	return audit.Errorf(audit.CodeInvalidRequest, "unknown parameter %s; known here: %s",
		strings.Join(unknown, ", "), strings.Join(append(names, "no other"), ", "))
}

// plainID is what a request id must look like to be kept: it goes into the
// logs of several systems.
var plainID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// requestID returns the client's own request id, or a new one.
func (s *Server) requestID(r *http.Request) string {
	if ids := r.Header.Values("X-Request-ID"); len(ids) == 1 && plainID.MatchString(ids[0]) {
		return ids[0]
	}
	return "req_" + ulid.MustNew(ulid.Timestamp(s.Clock()), rand.Reader).String()
}

// log writes the one line about a request. The path and the query are not in
// it: they hold names of secrets, and a token if a client was careless.
func (s *Server) log(r *request, took time.Duration) {
	pattern := ""
	if r.route != nil {
		pattern = r.route.pattern
	}
	attrs := []slog.Attr{
		slog.String("request_id", r.id),
		slog.String("method", r.Method),
		slog.String("route", pattern),
		slog.Int("status", r.out.status),
		slog.Int("bytes", r.out.bytes),
		slog.Duration("took", took),
	}
	if p := r.principal; p != nil {
		attrs = append(attrs, slog.String("identity", string(p.IdentityID)),
			slog.String("tenant", string(r.tenant)))
	}
	level := slog.LevelInfo
	if r.out.status == statusNoContent {
		level = slog.LevelDebug // a line of an audit device; the log has it, which is enough
	}
	if r.code != "" {
		attrs = append(attrs, slog.String("code", string(r.code)))
		if faults[r.code].text != "" { // the client was not told the cause
			if !errors.Is(r.err, context.Canceled) { // else the client went away
				level = slog.LevelError
			}
			attrs = append(attrs, slog.Any("error", r.err))
		}
	}
	s.Logger.LogAttrs(r.Context(), level, "request", attrs...)
}
