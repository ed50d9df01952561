package audit_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/scaivault/audit"
)

// The actions of the documentation, then those of the product.
const (
	documented = `read write delete list rotate policy_create policy_update policy_delete policy_bind
		policy_unbind pki_issue pki_sign pki_revoke pki_ca_create dynamic_generate dynamic_renew
		dynamic_revoke webhook_delivery subscription_event federation_sync identity_sync export_created`
	added = `login logout token_create token_revoke crypto_operation system_change audit_read
		retention_applied hold_placed hold_lifted range_sealed audit_gap`
)

func TestActions(t *testing.T) {
	var got []string
	for _, a := range audit.Actions() {
		got = append(got, string(a))
		if !a.Known() {
			t.Errorf("%s is listed and not known", a)
		}
	}
	if want := strings.Fields(documented + " " + added); !slices.Equal(got, want) {
		t.Errorf("actions %v, want %v", got, want)
	}
	for _, a := range []audit.Action{"", "READ", "read ", "reads"} {
		if a.Known() {
			t.Errorf("%q is known", a)
		}
	}
}

func TestActionsIsACopy(t *testing.T) {
	audit.Actions()[0] = "changed"
	if got := audit.Actions()[0]; got != audit.ActionRead {
		t.Errorf("first action is %q after a caller changed its copy", got)
	}
}

func TestIdentityTypeKnown(t *testing.T) {
	for kind, want := range map[audit.IdentityType]bool{
		"user": true, "service_account": true, "group": true, "system": true,
		"": false, "User": false, "robot": false,
	} {
		if got := kind.Known(); got != want {
			t.Errorf("%q known: %v, want %v", kind, got, want)
		}
	}
}
