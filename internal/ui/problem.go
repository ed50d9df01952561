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

// problems says what the codes of the log mean to somebody who looks at a page.
var problems = func() map[audit.Code]problem {
	m := make(map[audit.Code]problem)
	add := func(status int, head, text string, codes ...audit.Code) {
		for _, c := range codes {
			m[c] = problem{Status: status, Head: head, Text: text}
		}
	}
	add(http.StatusUnprocessableEntity, "The filter does not hold together", "Change it, or begin again.",
		audit.CodeValidationError, audit.CodeInvalidRequest, audit.CodeInvalidPath)
	add(http.StatusBadRequest, "The list is too old to go on", "It was made more than a day ago, or for another filter.",
		audit.CodeInvalidCursor)
	add(http.StatusNotFound, "There is nothing here", "The address is wrong, or what it names is out of reach.",
		audit.CodeNotFound, audit.CodeEventNotFound, audit.CodeExportNotFound)
	add(http.StatusForbidden, "Your token may not do this", "Ask an administrator for a token that may.",
		audit.CodeInsufficientScope, audit.CodeAccessDenied, audit.CodeTenantAccessDenied)
	add(http.StatusServiceUnavailable, "This took longer than 10 s",
		"A path, an identity or a shorter range narrows it.", audit.CodeQueryTimeout)
	add(http.StatusInternalServerError, "One part of the log cannot be read",
		"Nothing is shown for this range, so that no gap passes unseen. Another range may be whole.",
		audit.CodeDataDamaged)
	add(http.StatusConflict, "Something is in the way", "Look at what is there first.",
		audit.CodeExportConflict, audit.CodeDestinationConflict, audit.CodeIDConflict)
	add(http.StatusUnprocessableEntity, "The destination does not answer", "Check bucket and credentials.",
		audit.CodeDestinationUnavailable)
	add(http.StatusServiceUnavailable, "The log does not answer right now", "Try again in a moment.",
		audit.CodeUnavailable, audit.CodeStorageFull, audit.CodeRateLimited)
	return m
}()

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
		name = "problem-part"
		if p.r.Header.Get("HX-Target") == "explore" {
			name = "failed-part"
		}
	}
	around := p.frame(x.Head, "")
	around.Address = "" // which may name what is not to be named
	s.render(p.w, p.r, x.Status, name, &failedPage{around, x})
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
	x, ok := problems[code]
	if !ok {
		s.Logger.Error("page", "error", err)
		x = problem{Status: http.StatusInternalServerError, Head: "Something broke on the server",
			Text: "Its log has the cause. Try again."}
	} else if code != audit.CodeInvalidCursor && code != audit.CodeQueryTimeout {
		x.Detail = told
	}
	x.Step, x.StepURL = "All events", "/ui/"
	return x
}

// missing answers what is not there.
func (s *Server) missing(*page) error {
	return audit.Errorf(audit.CodeNotFound, "no such page")
}
