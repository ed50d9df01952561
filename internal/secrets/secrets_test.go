package secrets_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
)

// canary is the value of a member; it must be in no error and in no file.
const canary = "wJalrXUtnFEMIcanary"

// source is what the three of them are to an export.
type source interface {
	Get(ctx context.Context, tenant audit.TenantID, path audit.Path, bearer string) (map[string]string, error)
}

func now() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantError checks the code and part of the text of an error, and that it tells
// no value.
func wantError(t *testing.T, err error, code audit.Code, text string) {
	t.Helper()
	quiet(t, err)
	if got := audit.ErrorCode(err); got != code || !strings.Contains(fmt.Sprint(err), text) {
		t.Errorf("error %v has code %q; want %q and %q in it", err, got, code, text)
	}
}

// wantDenied checks that an error is the one for missing and forbidden secrets.
func wantDenied(t *testing.T, err error, path audit.Path) {
	t.Helper()
	want := &audit.Error{Code: audit.CodeAccessDenied,
		Message: fmt.Sprintf("secret %q: there is none, or it may not be read", path)}
	if diff := cmp.Diff(error(want), err); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

// quiet checks that an error tells no value, however it is printed.
func quiet(t *testing.T, err error) {
	t.Helper()
	if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, canary[:8]) {
		t.Errorf("the error tells a value: %s", text)
	}
}

func wantMembers(t *testing.T, s source, tenant audit.TenantID, path audit.Path, want map[string]string) {
	t.Helper()
	got, err := s.Get(t.Context(), tenant, path, "")
	check(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s of %s (-want +got):\n%s", path, tenant, diff)
	}
}
