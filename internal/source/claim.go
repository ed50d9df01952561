package source

import (
	"strconv"
	"strings"
	"time"

	"github.com/scaivault/audit"
)

// claim is what an event says of its producer, in its extra data. Each member may
// also stand there as "audit.NAME", and, as producers of OpenTelemetry have it, under
// a name of that; the first that is there counts.
//
//	source             its name; resource.service.name
//	instance           one run of it; resource.service.instance.id
//	sequence           the number of the event, counted by that run; log.record.sequence
//	heartbeat_seconds  how long it will be silent at most, 0 for as long as it likes
//
// Numbers may be strings of digits. What is not as said here is not there.
type claim struct {
	source, instance string
	sequence         int64         // -1 if the event has no number
	heartbeat        time.Duration // -1 if the event says nothing of it
}

const (
	// maxClaim is the longest name of a source or an instance, in bytes.
	maxClaim = 256
	// maxSequence is the largest number of an event.
	maxSequence = 1 << 62
	// maxHeartbeat is the longest silence that a producer can announce, in seconds.
	maxHeartbeat = 7 * 24 * 60 * 60
)

// claimNames are the names of each member of a claim, the best first.
var claimNames = [...][3]string{
	{"source", "audit.source", "resource.service.name"},
	{"instance", "audit.instance", "resource.service.instance.id"},
	{"sequence", "audit.sequence", "log.record.sequence"},
	{"heartbeat_seconds", "audit.heartbeat_seconds", ""},
}

// mayClaim reports whether a text can hold a claim that is to be kept: quickly, as it
// is asked of every event.
func mayClaim(text string) bool {
	return strings.Contains(text, `sequence":`) || strings.Contains(text, `heartbeat_seconds":`)
}

// claimOf returns what an event says of its producer.
func claimOf(e *audit.Event) claim {
	c := claim{sequence: -1, heartbeat: -1}
	if e.Action == audit.ActionAuditGap { // it names the source that it is about
		return c
	}
	var values [len(claimNames)][3]string
	r := newReader([]byte(e.ExtraData))
	err := r.object(func(member string) error {
		for i := range claimNames {
			for j, name := range claimNames[i] {
				if name == member {
					return r.text(&values[i][j])
				}
			}
		}
		return r.in.skip()
	})
	if err != nil {
		return c
	}
	var best [len(claimNames)]string
	for i := range values {
		for _, v := range values[i] {
			if best[i] == "" {
				best[i] = v
			}
		}
	}
	if len(best[0]) > maxClaim || len(best[1]) > maxClaim {
		return c
	}
	c.source, c.instance = best[0], best[1]
	if n, ok := claimNumber(best[2], maxSequence); ok {
		c.sequence = n
	}
	if n, ok := claimNumber(best[3], maxHeartbeat); ok {
		c.heartbeat = time.Duration(n) * time.Second
	}
	return c
}

func claimNumber(text string, most int64) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && 0 <= n && n <= most && text[0] != '+'
}
