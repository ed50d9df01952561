package sample

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"

	"github.com/oklog/ulid/v2"
	"github.com/scaivault/audit"
)

// requestID returns the name of a request, in the company's form.
func (c *company) requestID() string {
	if c.uuids {
		return uuid(c.rand)
	}
	return requestID(c.rand)
}

const hexDigits = "0123456789abcdef"

// requestID returns "req_" and 24 hex digits.
func requestID(r *rand.Rand) string {
	b := [28]byte{'r', 'e', 'q', '_'}
	high, low := r.Uint64(), r.Uint64()
	for i := range 16 {
		b[4+i] = hexDigits[high>>(4*i)&15]
	}
	for i := range 8 {
		b[20+i] = hexDigits[low>>(4*i)&15]
	}
	return string(b[:])
}

// uuid returns a random UUID (RFC 9562, section 5.4).
func uuid(r *rand.Rand) string {
	var id [16]byte
	binary.BigEndian.PutUint64(id[:8], r.Uint64())
	binary.BigEndian.PutUint64(id[8:], r.Uint64())
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // version 4, the variant
	var b [36]byte
	for i, at := 0, 0; i < len(id); i, at = i+1, at+2 {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			b[at] = '-'
			at++
		}
		hex.Encode(b[at:], id[i:i+1])
	}
	return string(b[:])
}

// ownID returns "log_" and a ULID of time t: what a producer that names its
// events sends.
func ownID(r *rand.Rand, t audit.Time) audit.EventID {
	var id ulid.ULID
	binary.BigEndian.PutUint64(id[:], uint64(t/1000)<<16|r.Uint64()>>48)
	binary.BigEndian.PutUint64(id[8:], r.Uint64())
	return audit.EventID("log_" + id.String())
}
