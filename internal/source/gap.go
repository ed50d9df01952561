package source

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/scaivault/audit"
)

// Fact is a member of the extra data of a gap; its value is a string or an
// int64.
type Fact struct {
	Name  string
	Value any
}

// gapIdentity is who tells of gaps.
const gapIdentity = "system:scaivault-audit"

// GapEvent returns the event that something of a stream of audit lines is
// missing or cannot be read: an [audit.ActionAuditGap] of system:scaivault-audit.
// Its id is derived from reason and facts: the same gap that is found again is
// known.
func GapEvent(now time.Time, reason string, facts ...Fact) audit.Event {
	d := extraData{object: object{limit: audit.MaxExtraData}}
	d.text("reason", reason)
	for _, f := range facts {
		switch v := f.Value.(type) {
		case string:
			d.text(f.Name, v)
		case int64:
			d.add(f.Name, strconv.AppendInt(nil, v, 10))
		}
	}
	e := audit.Event{
		Timestamp: audit.TimeOf(now), Action: audit.ActionAuditGap,
		IdentityType: audit.TypeSystem, IdentityID: gapIdentity,
		Success: false, ExtraData: d.String(),
	}
	sum := sha256.Sum256([]byte(e.ExtraData))
	e.ID = audit.EventID("log_gap_" + hex.EncodeToString(sum[:16]))
	return e
}
