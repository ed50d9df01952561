package ui_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/ui"
)

// torn is a log that breaks when it is asked who touched what.
type torn struct{ ui.Log }

func (torn) Accesses(context.Context, audit.TenantID, audit.AccessQuery) (audit.AccessPage, error) {
	panic("torn")
}

// TestPanicOfAPanel breaks one of the questions that a page asks at the same time:
// the page says so, and the server goes on.
func TestPanicOfAPanel(t *testing.T) {
	s := open(t, httptest.NewServer, func(c *ui.Config) { c.Log = torn{c.Log} })
	s.fill(t, "tnt_a", 10)
	b := s.signIn(t, "admin")
	for _, target := range []string{"/ui/secrets/prod/db", "/ui/identities/user:ada"} {
		r := b.get(target)
		if r.StatusCode != http.StatusInternalServerError || !strings.Contains(r.body, "Something broke on the server") || strings.Contains(r.body, "torn") {
			t.Errorf("%s: %s\n%s", target, r.Status, r.body)
		}
	}
	if r := b.get("/ui/"); r.StatusCode != http.StatusOK {
		t.Errorf("afterwards: %s", r.Status)
	}
}
