package audit_test

import (
	"strings"
	"testing"

	"github.com/scaivault/audit"
)

func TestParseTenantID(t *testing.T) {
	for s, ok := range map[string]bool{
		"a": true, "tnt_abc-9": true, strings.Repeat("z", 64): true,
		"": false, strings.Repeat("z", 65): false, "a b": false, "../a": false, "a/b": false, "ü": false,
		"a\x00": false, ".": false,
	} {
		got, err := audit.ParseTenantID(s)
		if (err == nil) != ok || ok && string(got) != s {
			t.Errorf("%q: %q, %v", s, got, err)
		}
		if !ok && audit.ErrorCode(err) != audit.CodeValidationError {
			t.Errorf("%q: %v, want %s", s, err, audit.CodeValidationError)
		}
	}
}
