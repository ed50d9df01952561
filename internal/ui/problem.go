package ui

import (
	"context"
	"errors"
	"net/http"

	"github.com/scaivault/audit"
)

// problem is what stands in the place of what could not be shown: the fact,
// what it means, and one next step.
type problem struct {
	Status  int
	Head    string
	Text    string
	Detail  string // a message of the log, "" for none
	Step    string // the label of the next step
	StepURL string
}

// failedPage is a page that shows a problem only.
type failedPage struct {
	frame
	Problem problem
}

// fail answers with the problem that err is.
func (s *Server) fail(p *page, err error) {
	if errors.Is(err, context.Canceled) {
		return // the browser went away
	}
	x := s.explain(err)
	name := "failed"
	if p.fragment() {
		name = "failed-part"
	}
	s.render(p.w, p.r, x.Status, name, &failedPage{p.frame(x.Head, ""), x})
}

// explain turns an error into a problem. What no client may see goes to the
// log of the server.
func (s *Server) explain(err error) problem {
	code := audit.ErrorCode(err)
	if errors.Is(err, context.DeadlineExceeded) {
		code = audit.CodeQueryTimeout
	}
	var told string
	if e, ok := errors.AsType[*audit.Error](err); ok {
		told = e.Message
	}
	all := problem{Step: "All events", StepURL: "/ui/"}
	with := func(status int, head, text, detail string) problem {
		all.Status, all.Head, all.Text, all.Detail = status, head, text, detail
		return all
	}
	switch code {
	case audit.CodeValidationError, audit.CodeInvalidRequest, audit.CodeInvalidPath:
		return with(http.StatusUnprocessableEntity, "The filter does not hold together", "Change it, or begin again.", told)
	case audit.CodeInvalidCursor:
		return with(http.StatusBadRequest, "The list is too old to go on", "It was made more than a day ago, or for another filter.", "")
	case audit.CodeNotFound, audit.CodeEventNotFound, audit.CodeExportNotFound:
		return with(http.StatusNotFound, "There is nothing here", "The address is wrong, or what it names is out of reach.", told)
	case audit.CodeInsufficientScope, audit.CodeAccessDenied, audit.CodeTenantAccessDenied:
		return with(http.StatusForbidden, "Your token may not do this", "Ask an administrator for a token that may.", told)
	case audit.CodeQueryTimeout:
		return with(http.StatusServiceUnavailable, "This took longer than 10 s", "A path, an identity or a shorter range narrows it.", "")
	case audit.CodeDataDamaged:
		return with(http.StatusInternalServerError, "One part of the log cannot be read",
			"Nothing is shown for this range, so that no gap passes unseen. Another range may be whole.", told)
	case audit.CodeExportConflict, audit.CodeDestinationConflict, audit.CodeIDConflict:
		return with(http.StatusConflict, "Something is in the way", "Look at what is there first.", told)
	case audit.CodeDestinationUnavailable:
		return with(http.StatusUnprocessableEntity, "The destination does not answer", "Check bucket and credentials.", told)
	case audit.CodeUnavailable, audit.CodeStorageFull, audit.CodeRateLimited:
		return with(http.StatusServiceUnavailable, "The log does not answer right now", "Try again in a moment.", told)
	}
	s.Logger.Error("page", "error", err)
	return with(http.StatusInternalServerError, "Something broke on the server", "Its log has the cause. Try again.", "")
}

// missing answers what is not there.
func (s *Server) missing(*page) error {
	return audit.Errorf(audit.CodeNotFound, "no such page")
}
