package source

import (
	"encoding/binary"
	"errors"

	"github.com/scaivault/audit"
)

// record is a waiting request as the journal keeps it: its tenant, until when
// it waits, and the entry. Numbers are uvarints, texts and lists their length
// and what they hold.
type record struct {
	tenant audit.TenantID
	until  audit.Time
	entry  *entry
}

// append appends the record.
func (r *record) append(dst []byte) []byte {
	e := r.entry
	dst = appendText(dst, string(r.tenant))
	for _, n := range []uint64{uint64(r.until), uint64(e.time), uint64(e.size), uint64(e.kept)} {
		dst = binary.AppendUvarint(dst, n)
	}
	sum := e.digest()
	dst = append(dst, sum[:]...)
	for _, s := range e.asked() {
		dst = appendText(dst, *s)
	}
	for _, list := range e.askedLists() {
		dst = binary.AppendUvarint(dst, uint64(len(*list)))
		for _, s := range *list {
			dst = appendText(dst, s)
		}
	}
	for _, flag := range e.askedFlags() {
		bit := byte(0)
		if *flag {
			bit = 1
		}
		dst = append(dst, bit)
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// asked returns the texts of a request's line, in the order in which a record
// has them. The answer's part of an entry is empty there.
func (e *entry) asked() []*string {
	c, q := &e.auth, &e.request
	return []*string{&e.timeText, &e.err, &e.forwardedFrom,
		&c.displayName, &c.entityID, &c.accessor, &c.token, &c.tokenType, &c.ttl, &c.remainingUses, &c.metadata,
		&q.id, &q.clientID, &q.operation, &q.path, &q.mountPoint, &q.mountType, &q.mountClass,
		&q.namespaceID, &q.namespace, &q.cluster, &q.accessor, &q.token, &q.address, &q.port,
		&q.certificate, &q.wrapTTL, &q.headers, &q.userAgent, &q.client, &q.data}
}

func (e *entry) askedLists() []*[]string { return []*[]string{&e.auth.policies, &e.auth.granting} }

func (e *entry) askedFlags() []*bool {
	q := &e.request
	return []*bool{&e.forwarded, &e.cut, &e.bare, &e.auth.denied,
		&q.policyOverride, &q.bindsPolicies, &q.unbindsPolicies}
}

// readRecord reads what [record.append] wrote.
func readRecord(b []byte) (record, error) {
	r := recordReader{b: b}
	e := new(entry)
	rec := record{tenant: audit.TenantID(r.text()), until: audit.Time(r.uint()), entry: e}
	e.time, e.size, e.kept = audit.Time(r.uint()), int(r.uint()), int(r.uint())
	copy(e.sum[:], r.bytes(uint64(len(e.sum))))
	for _, s := range e.asked() {
		*s = r.text()
	}
	for _, list := range e.askedLists() {
		for n := r.uint(); n > 0 && !r.bad; n-- {
			*list = append(*list, r.text())
		}
	}
	for _, flag := range e.askedFlags() {
		bit := r.bytes(1)
		*flag = len(bit) == 1 && bit[0] == 1
	}
	if r.bad || len(r.b) > 0 {
		return record{}, errors.New("malformed record")
	}
	return rec, nil
}

// recordReader reads numbers and texts. After the first that is cut off, bad
// is set and everything reads as zero.
type recordReader struct {
	b   []byte
	bad bool
}

func (r *recordReader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *recordReader) bytes(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *recordReader) text() string { return string(r.bytes(r.uint())) }
