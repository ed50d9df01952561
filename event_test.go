package audit_test

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"github.com/scaivault/audit"
)

// Validate is what guards events that no reader of text has seen.
func TestValidate(t *testing.T) {
	long := string(make([]byte, audit.MaxExtraData+1))
	good := audit.Event{
		ID: "log_a", Timestamp: 7, Action: "read", IdentityType: "user", IdentityID: "user:a",
		SecretPath: "a/b", SourceIP: "10.0.1.50", RequestID: "r",
	}
	tests := map[string]struct {
		change func(e *audit.Event)
		want   string // the offender
	}{
		"good":                {func(e *audit.Event) {}, ""},
		"no id":               {func(e *audit.Event) { e.ID = "" }, ""},
		"no id, no time":      {func(e *audit.Event) { e.ID, e.Timestamp = "", audit.NoTime }, ""},
		"no path, no address": {func(e *audit.Event) { e.SecretPath, e.SourceIP = "", "" }, ""},
		"id":                  {func(e *audit.Event) { e.ID = "abc" }, "id"},
		"id without time":     {func(e *audit.Event) { e.Timestamp = audit.NoTime }, "timestamp"},
		"before 1970":         {func(e *audit.Event) { e.Timestamp = -1 }, "timestamp"},
		"after 2261":          {func(e *audit.Event) { e.Timestamp = audit.MaxTime + 1 }, "timestamp"},
		"action":              {func(e *audit.Event) { e.Action = "raed" }, "action"},
		"identity type":       {func(e *audit.Event) { e.IdentityType = "" }, "identity_type"},
		"identity":            {func(e *audit.Event) { e.IdentityID = "" }, "identity_id"},
		"path":                {func(e *audit.Event) { e.SecretPath = "/" }, "secret_path"},
		"no address":          {func(e *audit.Event) { e.SourceIP = "x" }, "source_ip"},
		"odd address":         {func(e *audit.Event) { e.SourceIP = "2001:DB8::1" }, "source_ip"},
		"mapped address":      {func(e *audit.Event) { e.SourceIP = "::ffff:10.0.1.50" }, "source_ip"},
		"user agent":          {func(e *audit.Event) { e.UserAgent = "\xff" }, "user_agent"},
		"duration":            {func(e *audit.Event) { e.DurationMS = -1 }, "duration_ms"},
		"request id":          {func(e *audit.Event) { e.RequestID = "\xff" }, "request_id"},
		"extra data":          {func(e *audit.Event) { e.ExtraData = long }, "extra_data"},
	}
	for name, test := range tests {
		e := good
		test.change(&e)
		bad := e.Validate()
		if test.want == "" && bad != nil || test.want != "" && (len(bad) != 1 || bad[0].Field != test.want) {
			t.Errorf("%s: %v, want %q", name, bad, test.want)
		}
	}
	if bad := (&audit.Event{}).Validate(); len(bad) != 3 {
		t.Errorf("an empty event lacks action, identity type and identity: %v", bad)
	}
}

func TestParseIP(t *testing.T) {
	for s, want := range map[string]string{
		"10.0.1.50": "10.0.1.50", "0.0.0.0": "0.0.0.0", "255.255.255.255": "255.255.255.255",
		"::ffff:10.0.1.50": "10.0.1.50", "2001:DB8:0:0::1": "2001:db8::1", "::": "::",
		"1:0:0:2:0:0:0:3": "1:0:0:2::3",
		"":                "", "10.0.1": "", "10.0.1.256": "", "010.0.1.50": "", "10.0.1.50.": "", ".10.0.1": "",
		"10..1.50": "", "10.0.1.5 ": "",
		"fe80::1%eth0": "", "::ffff:10.0.1.50%1": "", "10.0.1.50%eth0": "", "localhost": "",
		"1.1.1.1111": "", "00.0.0.0": "",
	} {
		got, err := audit.ParseIP(s)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v, want %q", s, got, err, want)
		}
	}
}

func TestParseIPAgreesWithStd(t *testing.T) {
	near := rapid.OneOf(rapid.StringMatching(`[0-9.]{7,15}`),
		rapid.StringMatching(`[0-9]{1,3}(\.[0-9]{1,3}){3}`), rapid.StringMatching(`[0-9a-f:]{2,20}`))
	rapid.Check(t, func(t *rapid.T) {
		s := near.Draw(t, "s")
		want := ""
		if ip, err := netip.ParseAddr(s); err == nil {
			want = ip.Unmap().String()
		}
		if got, _ := audit.ParseIP(s); got != want {
			t.Fatalf("%q: %q, want %q", s, got, want)
		}
	})
}
