package ui

import (
	"net/http"

	"github.com/scaivault/audit"
)

// Setting is one setting of the server, for people; never a secret.
type Setting struct {
	Name  string // as the flag has it
	Value string // "" if it is not set
	Help  string
}

// settingsPage shows how the server was started. It changes nothing: that is
// for whoever runs the server.
type settingsPage struct {
	frame
	Version  string
	Settings []Setting
	Limits   []Setting
}

// settings answers GET /ui/settings.
func (s *Server) settings(p *page) error {
	if err := p.may(audit.ScopeAdmin); err != nil {
		return err
	}
	x := &settingsPage{frame: p.frame("Settings", "settings"), Version: s.Version, Settings: s.Settings}
	x.Limits = []Setting{
		{"idle session", IdleTime.String(), "A session of these pages ends after so long without a request."},
		{"oldest session", MaxAge.String(), "It ends then in any case."},
		{"question", QueryTimeout.String(), "What one page may take of the log."},
	}
	s.render(p.w, p.r, http.StatusOK, "settings", x)
	return nil
}
