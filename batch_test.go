package audit_test

import (
	"encoding/json"
	"testing"

	"github.com/scaivault/audit"
)

func TestBatchLine(t *testing.T) {
	plain := audit.Batch{Events: make([]audit.Event, 2)}
	if got := plain.Line(1); got != 2 {
		t.Errorf("without lines, event 1 is at line %d, want 2", got)
	}
	gaps := audit.Batch{Events: make([]audit.Event, 2), Lines: []int{3, 7}}
	if got := gaps.Line(1); got != 7 {
		t.Errorf("with lines, event 1 is at line %d, want 7", got)
	}
}

func TestReceiptJSON(t *testing.T) {
	first, last := uint64(7), uint64(8)
	r := audit.Receipt{
		Accepted: 2, Duplicates: 1, FirstIndex: &first, LastIndex: &last, Replayed: true,
		Rejected: []audit.Rejection{{Line: 4, Code: audit.CodeValidationError, Message: "m",
			Fields: []audit.FieldError{{Field: "action", Message: "m"}}}},
	}
	want := `{"accepted":2,"duplicates":1,"rejected":[{"line":4,"code":"validation_error","message":"m",` +
		`"fields":[{"field":"action","message":"m"}]}],"first_index":7,"last_index":8}`
	if got, err := json.Marshal(r); err != nil || string(got) != want {
		t.Errorf("%s, %v\nwant %s", got, err, want)
	}
}
