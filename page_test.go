package audit_test

import (
	"testing"

	"github.com/scaivault/audit"
)

func TestAppendProof(t *testing.T) {
	r := audit.Record{
		Event: audit.Event{ID: "log_a", Action: "read", IdentityType: "user", IdentityID: "user:a"},
		Index: audit.MaxIndex, ReceivedAt: audit.Second,
	}
	line := string(r.AppendLine(nil))
	want := line[:len(line)-1] + `,"index":281474976710655,"received_at":"1970-01-01T00:00:01.000000Z"}`
	if got := string(r.AppendProof([]byte("kept "))); got != "kept "+want {
		t.Errorf("%s\nwant kept %s", got, want)
	}
}
