package ui

import (
	"encoding/csv"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/scaivault/audit"
)

const (
	// maxWork is how many secrets a worklist on a page has; the CSV has all.
	maxWork = 5_000
	// maxAccesses is how many are asked for at a time.
	maxAccesses = 100_000
)

// worklist is what is to do when an identity leaves: every secret that it
// touched, and whether it was rotated since.
type worklist struct {
	Show             string // all, open or done
	Open, Done, All  int
	Rows             []access
	OpenURL, DoneURL string
	AllURL, CSV      string
	Percent          int // done
	More             bool
}

// accesses calls use with each access of an identity, until it returns false.
// The log adds all of them up at each question, so that one should do.
func (s *Server) accesses(p *page, id audit.IdentityID, use func(*audit.Access) bool) error {
	q := audit.AccessQuery{Limit: maxAccesses}
	q.IdentityID, q.Within = id, p.who.PathPrefixes
	for {
		found, err := s.Log.Accesses(p.r.Context(), p.tenant, q)
		if err != nil {
			return err
		}
		for i := range found.Accesses {
			if !use(&found.Accesses[i]) {
				return nil
			}
		}
		if q.After = found.Next; q.After == nil {
			return nil
		}
	}
}

// worklist reads the worklist of an identity: open work first, then by the
// latest access.
func (s *Server) worklist(p *page, id audit.IdentityID) (*worklist, error) {
	w := &worklist{Show: p.r.URL.Query().Get("show"), CSV: identityURL(id) + "/worklist.csv"}
	w.AllURL = identityURL(id)
	w.OpenURL, w.DoneURL = w.AllURL+"?show=open", w.AllURL+"?show=done"
	var open, done []access
	err := s.accesses(p, id, func(a *audit.Access) bool {
		if w.All == maxWork {
			w.More = true
			return false
		}
		w.All++
		if rotated(a) {
			done = append(done, newAccess(a, audit.TimeOf(p.now)))
		} else {
			open = append(open, newAccess(a, audit.TimeOf(p.now)))
		}
		return true
	})
	w.Open, w.Done = len(open), len(done)
	w.Percent = 100 * w.Done / max(1, w.All)
	switch w.Show {
	case "open":
		w.Rows = open
	case "done":
		w.Rows = done
	default:
		w.Show, w.Rows = "all", slices.Concat(open, done)
	}
	return w, err
}

// worklistCSV answers GET /ui/identities/{id}/worklist.csv, as RFC 4180 has it.
func (s *Server) worklistCSV(p *page) error {
	id, err := p.identityID()
	if err != nil {
		return err
	}
	rows := [][]string{{"secret_path", "last_at", "first_at", "events", "failed", "actions",
		"rotated_since", "path_rotated_at"}}
	err = s.accesses(p, id, func(a *audit.Access) bool {
		at := ""
		if a.PathRotatedAt != nil {
			at = a.PathRotatedAt.String()
		}
		rows = append(rows, []string{guard(string(a.Path)), a.LastAt.String(), a.FirstAt.String(),
			strconv.FormatUint(a.Count, 10), strconv.FormatUint(a.Failed, 10), did(a.ActionsBreakdown),
			strconv.FormatBool(rotated(a)), at})
		return true
	})
	if err != nil {
		return err
	}
	h := p.w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", "attachment; filename*=UTF-8''"+url.PathEscape("worklist "+string(id)+".csv"))
	return csv.NewWriter(p.w).WriteAll(rows)
}

// guard keeps a spreadsheet from taking text for a formula.
func guard(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
